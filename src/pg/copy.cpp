#include <algorithm>
#include <string_view>

#include "pg/copy.hpp"

#include "pg/guard.hpp"

extern "C" {
#include "access/table.h"
#include "access/xact.h"
#include "commands/copy.h"
#include "nodes/makefuncs.h"
#include "parser/parse_node.h"
#include "parser/parse_relation.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
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

void require_type(Relation relation, const CopyColumn& column) {
    const AttrNumber number = get_attnum(RelationGetRelid(relation), column.name);
    if (number == InvalidAttrNumber) return;  // COPY says so itself
    const char* type = format_type_be(TupleDescAttr(RelationGetDescr(relation), number - 1)->atttypid);
    if (strcmp(type, column.type) == 0) return;
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("column \"%s\" of table \"%s\" is of type %s", column.name,
                           RelationGetRelationName(relation), type),
                    errhint("Change it back to %s.", column.type)));
}

}  // namespace

void copy_into(const char* schema, const char* table, std::span<const CopyColumn> columns, const std::string& rows) {
    unread = rows;
    call([&] {
        Relation relation = table_openrv(makeRangeVar(pstrdup(schema), pstrdup(table), -1), RowExclusiveLock);
        if (XactReadOnly) PreventCommandIfReadOnly("COPY FROM");
        List* names = NIL;
        for (const CopyColumn& column : columns) {
            require_type(relation, column);
            names = lappend(names, makeString(pstrdup(column.name)));
        }
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
