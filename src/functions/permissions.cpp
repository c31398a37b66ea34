// has_permission(): what row security and the guards of functions ask.
//
// A policy asks for every row, so answers are kept while they hold (see IdentityStamp); reading a thousand checks of an
// endpoint costs one look at the tables. What allows what is pulsimo.permission_matrix and nothing else.

#include <cstring>
#include <string>
#include <unordered_map>

#include "functions/as_owner.hpp"
#include "functions/identity.hpp"
#include "functions/permissions.hpp"
#include "pg/guard.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "nodes/supportnodes.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(pulsimo_has_permission);
PG_FUNCTION_INFO_V1(pulsimo_permission_support);
}

namespace {

using namespace pulsimo;
using namespace pulsimo::functions;

constexpr std::size_t kLongestAction = 31;
constexpr std::size_t kMostAnswers = 65536;

struct Question {
    std::int64_t object;
    char action[kLongestAction + 1];

    bool operator==(const Question& other) const noexcept {
        return object == other.object && strcmp(action, other.action) == 0;
    }
};

struct QuestionHash {
    std::size_t operator()(const Question& question) const noexcept {
        return std::hash<std::int64_t>{}(question.object) * 31 + std::hash<std::string_view>{}(question.action);
    }
};

using Answers = std::unordered_map<Question, bool, QuestionHash>;

// The one that was given last, for a row is mostly about the same as the row before. Holds as long as the others.
struct LastAnswer {
    bool known;
    bool answer;
    Question question;
};
LastAnswer last_answer = {};

// The answers that hold now; empty when anything may have changed.
Answers& answers() {
    static Answers kept;
    static IdentityStamp kept_since = {};
    const IdentityStamp now = identity_stamp();
    if (!(kept_since == now) || kept.size() >= kMostAnswers) {
        kept.clear();
        last_answer.known = false;
    }
    kept_since = now;
    return kept;
}

Question question_of(const text* action, std::int64_t object) {
    Question question = {object, {}};
    const std::size_t length = VARSIZE_ANY_EXHDR(action);
    if (length <= kLongestAction) memcpy(question.action, VARDATA_ANY(action), length);
    return question;
}

// NULL when the matrix does not know the action.
bool look_up(const Question& question, bool& known) {
    static constexpr Oid kTypes[] = {INT8OID, BOOLOID, TEXTOID, INT8OID};
    static Lookup lookup("SELECT pulsimo.permits($1, $2, $3, $4)", kTypes);
    const Datum arguments[] = {Int64GetDatum(current_user_id()), BoolGetDatum(is_operator()),
                               CStringGetTextDatum(question.action), Int64GetDatum(question.object)};
    return DatumGetBool(lookup.run(arguments, known));
}

// Asked apart from the matrix, which a library that is newer than the extension finds as it was before there were keys.
bool is_in_scope(const Question& question) {
    static constexpr Oid kTypes[] = {INT8OID, TEXTOID};
    static Lookup lookup("SELECT pulsimo.is_in_scope($1, $2)", kTypes);
    const std::int64_t api_key_id = current_api_key_id();
    if (api_key_id == kNoKey) return true;
    const Datum arguments[] = {Int64GetDatum(api_key_id), CStringGetTextDatum(question.action)};
    bool found = false;
    return DatumGetBool(lookup.run(arguments, found)) && found;
}

bool find_answer(const Question& question, bool& answer) {
    const Answers& kept = answers();
    if (last_answer.known && last_answer.question == question) {
        answer = last_answer.answer;
        return true;
    }
    const auto found = kept.find(question);
    if (found == kept.end()) return false;
    answer = found->second;
    last_answer = {true, answer, question};
    return true;
}

}  // namespace

// Tells the planner that people ask for what they may see. Its guess for a function of one row in three would give a
// tenant other plans than the owner.
PULSIMO_EXPORT Datum pulsimo_permission_support(PG_FUNCTION_ARGS) {
    void* argument = PG_GETARG_POINTER(0);
    auto* request = static_cast<Node*>(argument);
    if (!IsA(request, SupportRequestSelectivity)) PG_RETURN_POINTER(nullptr);
    reinterpret_cast<SupportRequestSelectivity*>(request)->selectivity = 1.0;
    PG_RETURN_POINTER(request);
}

bool pulsimo::functions::has_permission(const text* action, std::int64_t object) {
    const Question question = question_of(action, object);
    bool answer = false;
    if (find_answer(question, answer)) return answer;
    bool known = false;
    answer = look_up(question, known) && is_in_scope(question);
    if (!known) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no action \"%s\"", text_to_cstring(action)),
                        errhint("The view pulsimo.permission_matrix lists the actions.")));
    }
    pg::entry([&] {
        answers().emplace(question, answer);
        return Datum(0);
    });
    return answer;
}

PULSIMO_EXPORT Datum pulsimo_has_permission(PG_FUNCTION_ARGS) {
    PG_RETURN_BOOL(pulsimo::functions::has_permission(PG_GETARG_TEXT_PP(0), PG_GETARG_INT64(1)));
}
