#include "engine/http_response.hpp"

#include <strings.h>

#include <algorithm>
#include <charconv>

#include "engine/excerpt.hpp"

namespace pulsimo::engine {

namespace {

std::string_view trim(std::string_view text) noexcept {
    const auto begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

bool is_named(std::string_view name, std::string_view wanted) noexcept {
    return name.size() == wanted.size() && strncasecmp(name.data(), wanted.data(), wanted.size()) == 0;
}

}  // namespace

void HttpResponse::clear() {
    stop_ = Stop::none;
    headers_complete_ = false;
    status_ = 0;
    status_line_.clear();
    header_bytes_ = body_bytes_ = 0;
    location_.clear();
    headers_.clear();
    body_.clear();
}

bool HttpResponse::take_header(std::string_view line) noexcept {
    header_bytes_ += static_cast<std::int64_t>(line.size());
    if (header_bytes_ > static_cast<std::int64_t>(kMaxHeaderBytes)) return end_with(Stop::headers_too_large);
    try {
        if (line.starts_with("HTTP/")) {
            begin_headers(line);
        } else if (headers_complete_) {
            return true;  // a trailer, after the body
        } else if (trim(line).empty()) {
            headers_complete_ = status_ >= 200;  // before that it is an interim response, more follows
        } else {
            note_header(line);
        }
    } catch (...) {
        return end_with(Stop::out_of_memory);
    }
    if (!headers_complete_) return true;
    if (is_redirect()) return end_with(Stop::redirect);
    return options_.max_body > 0 || end_with(Stop::body_not_wanted);
}

bool HttpResponse::take_body(std::string_view piece) noexcept {
    body_bytes_ += static_cast<std::int64_t>(piece.size());
    try {
        body_.append(piece.substr(0, most_body_kept() - body_.size()));
    } catch (...) {
        return end_with(Stop::out_of_memory);
    }
    return body_bytes_ <= options_.max_body || end_with(Stop::body_too_large);
}

std::size_t HttpResponse::most_body_kept() const noexcept {
    return options_.assertions.need_body() ? static_cast<std::size_t>(options_.max_body) : kExcerptBody;
}

void HttpResponse::begin_headers(std::string_view status_line) {
    headers_complete_ = false;
    status_ = 0;
    status_line_ = trim(status_line);
    location_.clear();
    headers_.clear();
    const auto space = status_line.find(' ');
    if (space == std::string_view::npos) return;
    const std::string_view digits = status_line.substr(space + 1, 3);
    std::from_chars(digits.data(), digits.data() + digits.size(), status_);
}

void HttpResponse::note_header(std::string_view line) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return;
    const std::string_view name = trim(line.substr(0, colon));
    const std::string_view value = trim(line.substr(colon + 1));
    if (is_named(name, "location")) location_ = value;
    if (!options_.assertions.response_headers.empty()) headers_.emplace_back(name, value);
}

bool HttpResponse::is_redirect() const noexcept {
    constexpr int kRedirects[] = {301, 302, 303, 307, 308};
    return options_.follow_redirects && !location_.empty() &&
           std::find(std::begin(kRedirects), std::end(kRedirects), status_) != std::end(kRedirects);
}

bool HttpResponse::end_with(Stop why) noexcept {
    stop_ = why;
    return false;
}

}  // namespace pulsimo::engine
