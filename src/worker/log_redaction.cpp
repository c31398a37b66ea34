#include "worker/log_redaction.hpp"

#include <strings.h>

#include <algorithm>
#include <cstring>
#include <iterator>

#include "pg/postgres.hpp"

extern "C" {
#include "tcop/tcopprot.h"
}

namespace pulsimo::worker {

namespace {

// Names that nobody else has, and names that anybody may have, which count where Pulsimo is spoken of.
constexpr const char* kOurs[] = {"accept_invitation", "begin_one_time_passwords", "confirm_one_time_passwords",
                                 "end_one_time_passwords", "set_secret", "use_api_key", "use_session"};
constexpr const char* kCommon[] = {"add_user", "change_password", "set_password", "sign_in", "sign_out"};

emit_log_hook_type previous_hook = nullptr;

// Whether one of the functions is called: its name, perhaps in quotes, and a parenthesis.
bool calls(const char* text, const char* name) {
    for (const char* place = text; (place = strcasestr(place, name)) != nullptr;) {
        place += strlen(name);
        const char* after = place + strspn(place, "\" \t\n\r\f\v");
        if (*after == '(') return true;
    }
    return false;
}

bool has_secret(const char* text) {
    if (text == nullptr) return false;
    const auto is_called = [text](const char* name) { return calls(text, name); };
    return std::any_of(std::begin(kOurs), std::end(kOurs), is_called) ||
           (strcasestr(text, "pulsimo") != nullptr && std::any_of(std::begin(kCommon), std::end(kCommon), is_called));
}

// Of what tells of a statement nothing is left but that there was one. The message of an error stays: none of ours
// repeats a secret, and without it nobody could help.
void redact(ErrorData* data) {
    if (has_secret(debug_query_string)) debug_query_string = kHiddenStatement;
    const bool running = debug_query_string == kHiddenStatement;
    if (data->elevel < ERROR && has_secret(data->message)) {
        // In place, for it will be freed, and no memory shall be asked for here.
        strlcpy(data->message, kHiddenStatement, strlen(data->message) + 1);
        data->detail = data->detail_log = nullptr;
    }
    if (running) {
        data->context = nullptr;  // it may have parameters in it
        if (data->elevel < ERROR) data->detail = data->detail_log = nullptr;
    }
    if (has_secret(data->detail)) data->detail = nullptr;
    if (has_secret(data->context)) data->context = nullptr;
    if (has_secret(data->internalquery)) data->internalquery = nullptr;
}

void emit_log(ErrorData* data) {
    redact(data);
    if (previous_hook != nullptr) previous_hook(data);
}

}  // namespace

void redact_log() {
    previous_hook = emit_log_hook;
    emit_log_hook = emit_log;
}

}  // namespace pulsimo::worker
