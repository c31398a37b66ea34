// Takes in one response as it arrives, keeps of it only what is needed, and says when enough has come.
//
// Everything is bounded: header lines together by kMaxHeaderBytes, the body (after decompression) by
// HttpOptions::max_body. Header lines are kept only when an assertion asks for them, the body likewise; else only its
// beginning is, for the excerpt of a failed check.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/http_options.hpp"

namespace pulsimo::engine {

class HttpResponse {
  public:
    static constexpr std::size_t kMaxHeaderBytes = 64 * 1024;

    // Why we ended the transfer ourselves.
    enum class Stop : std::uint8_t {
        none,
        redirect,         // the headers say where to go on; the body is of no interest
        body_not_wanted,  // max_body is 0: the headers are all there is to check
        headers_too_large,
        body_too_large,
        out_of_memory,
    };

    explicit HttpResponse(const HttpOptions& options) : options_(options) {}
    void clear();

    // One header line as received; the body in pieces. False: end the transfer. Safe inside libcurl.
    bool take_header(std::string_view line) noexcept;
    bool take_body(std::string_view piece) noexcept;

    Stop stop() const noexcept { return stop_; }
    int status() const noexcept { return status_; }  // 0: no status line came
    const std::string& status_line() const noexcept { return status_line_; }
    std::int64_t bytes() const noexcept { return header_bytes_ + body_bytes_; }
    std::int64_t body_bytes() const noexcept { return body_bytes_; }
    const std::string& location() const noexcept { return location_; }
    const std::vector<std::pair<std::string, std::string>>& headers() const noexcept { return headers_; }
    const std::string& body() const noexcept { return body_; }  // without assertions on it only its beginning

  private:
    void note_header(std::string_view line);
    void begin_headers(std::string_view status_line);
    bool is_redirect() const noexcept;
    std::size_t most_body_kept() const noexcept;
    bool end_with(Stop why) noexcept;

    const HttpOptions& options_;
    Stop stop_ = Stop::none;
    bool headers_complete_ = false;
    int status_ = 0;
    std::string status_line_;
    std::int64_t header_bytes_ = 0;
    std::int64_t body_bytes_ = 0;
    std::string location_;
    std::vector<std::pair<std::string, std::string>> headers_;
    std::string body_;
};

}  // namespace pulsimo::engine
