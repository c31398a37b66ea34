// Every call of libcurl that can fail goes through one of these; a refusal is a CurlError.
// Never throw from inside a libcurl callback.
#pragma once

#include <curl/curl.h>

#include <stdexcept>
#include <string>
#include <type_traits>

static_assert(LIBCURL_VERSION_NUM >= 0x075800, "Pulsimo needs libcurl 7.88 or newer");

namespace pulsimo::engine {

class CurlError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

[[noreturn]] inline void raise_curl_error(const char* call, const char* reason) {
    throw CurlError(std::string(call) + ": " + reason);
}

inline void check(CURLcode code, const char* call) {
    if (code != CURLE_OK) raise_curl_error(call, curl_easy_strerror(code));
}

inline void check(CURLMcode code, const char* call) {
    if (code != CURLM_OK) raise_curl_error(call, curl_multi_strerror(code));
}

inline void check(CURLSHcode code, const char* call) {
    if (code != CURLSHE_OK) raise_curl_error(call, curl_share_strerror(code));
}

inline void check(CURLUcode code, const char* call) {
    if (code != CURLUE_OK) raise_curl_error(call, curl_url_strerror(code));
}

template <class Pointer>
Pointer* check_created(Pointer* created, const char* call) {
    if (created == nullptr) raise_curl_error(call, "out of memory");
    return created;
}

// Without a message of its own: the options are known at compile time, so a refusal means a libcurl built without
// something we need.
template <class Value>
void set_option(CURL* easy, CURLoption option, Value value) {
    static_assert(!std::is_integral_v<Value> || sizeof(Value) == sizeof(long), "libcurl reads a long");
    const CURLcode code = curl_easy_setopt(easy, option, value);
    if (code == CURLE_OK) return;
    const curl_easyoption* known = curl_easy_option_by_id(option);
    raise_curl_error(known != nullptr ? known->name : "curl_easy_setopt", curl_easy_strerror(code));
}

template <class Value>
Value info(CURL* easy, CURLINFO what) {
    Value value{};
    check(curl_easy_getinfo(easy, what, &value), "curl_easy_getinfo");
    return value;
}

}  // namespace pulsimo::engine
