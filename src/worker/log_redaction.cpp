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

constexpr const char* kFunctions[] = {"accept_invitation", "add_user", "begin_one_time_passwords", "change_password",
                                      "confirm_one_time_passwords", "end_one_time_passwords", "set_password",
                                      "set_secret", "sign_in", "sign_out", "use_api_key", "use_session"};

emit_log_hook_type previous_hook = nullptr;

bool has_secret(const char* text) {
    return text != nullptr && strcasestr(text, "pulsimo") != nullptr &&
           std::any_of(std::begin(kFunctions), std::end(kFunctions),
                       [text](const char* name) { return strcasestr(text, name) != nullptr; });
}

// Of what tells of a statement nothing is left but that there was one. The message of an error stays: none of ours
// repeats a secret, and without it nobody could help.
void redact(ErrorData* data) {
    if (data->elevel == LOG && has_secret(data->message)) {
        // In place, for it will be freed, and no memory shall be asked for here.
        strlcpy(data->message, "<a statement of pulsimo with a secret in it>", strlen(data->message) + 1);
        data->detail = data->detail_log = data->context = nullptr;
    }
    if (has_secret(debug_query_string)) data->hide_stmt = true;
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
