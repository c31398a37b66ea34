#include <algorithm>
#include <string_view>

#include "pg/copy.hpp"

#include "pg/guard.hpp"

extern "C" {
#include "access/table.h"
#include "commands/copy.h"
#include "nodes/makefuncs.h"
#include "parser/parse_node.h"
#include "parser/parse_relation.h"
#include "utils/rel.h"
}

namespace pulsimo::pg {

namespace {

std::string_view unread;  // the server's callback takes no argument of ours

int read_rows(void* buffer, int, int at_most) noexcept {
    const std::size_t length = std::min(unread.size(), static_cast<std::size_t>(at_most));
    unread.copy(static_cast<char*>(buffer), length);
    unread.remove_prefix(length);
    return static_cast<int>(length);
}

}  // namespace

void copy_into(const char* schema, const char* table, std::span<const char* const> columns, const std::string& rows) {
    unread = rows;
    call([&] {
        Relation relation = table_openrv(makeRangeVar(pstrdup(schema), pstrdup(table), -1), RowExclusiveLock);
        List* names = NIL;
        for (const char* column : columns) names = lappend(names, makeString(pstrdup(column)));
        List* options =
            list_make1(makeDefElem(pstrdup("format"), reinterpret_cast<Node*>(makeString(pstrdup("binary"))), -1));
        ParseState* parse = make_parsestate(nullptr);
        addRangeTableEntryForRelation(parse, relation, RowExclusiveLock, nullptr, false, false);
        CopyFromState copy = BeginCopyFrom(parse, relation, nullptr, nullptr, false, read_rows, names, options);
        CopyFrom(copy);
        EndCopyFrom(copy);
        free_parsestate(parse);
        table_close(relation, NoLock);
    });
}

}  // namespace pulsimo::pg
