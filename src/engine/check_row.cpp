#include "engine/check_row.hpp"

#include <type_traits>

namespace pulsimo::engine {
namespace {

// The database counts its microseconds from the beginning of 2000.
constexpr std::int64_t kEpochUs = std::int64_t{946'684'800} * 1'000'000;

template <class T>
void put(std::string& out, T number) {
    auto bits = static_cast<std::make_unsigned_t<T>>(number);
    char bytes[sizeof bits];
    for (std::size_t i = sizeof bits; i-- > 0; bits = static_cast<decltype(bits)>(bits >> 8)) {
        bytes[i] = static_cast<char>(bits & 0xFF);
    }
    out.append(bytes, sizeof bytes);
}

template <class T>
void number_field(std::string& out, T number) {
    put(out, static_cast<std::int32_t>(sizeof number));
    put(out, number);
}

void text_field(std::string& out, std::string_view text) {
    put(out, static_cast<std::int32_t>(text.size()));
    out += text;
}

void null_field(std::string& out) {
    put(out, std::int32_t{-1});
}

void phase_field(std::string& out, std::int32_t us) {
    us == Phases::kNotReached ? null_field(out) : number_field(out, us);
}

}  // namespace

void begin_rows(std::string& out) {
    constexpr std::string_view kSignature("PGCOPY\n\377\r\n\0", 11);
    out += kSignature;
    put(out, std::int32_t{0});  // no flags
    put(out, std::int32_t{0});  // no extension of the header
}

void end_rows(std::string& out) {
    put(out, std::int16_t{-1});
}

void append_row(std::string& out, const CheckResult& result, std::string_view status, std::string_view error) {
    put(out, static_cast<std::int16_t>(kCheckColumns.size()));
    number_field(out, result.endpoint_id);
    number_field(out, result.started_at_us - kEpochUs);
    text_field(out, status);
    number_field(out, result.response_us);
    for (const std::int32_t us : {result.phases.dns_us, result.phases.connect_us, result.phases.tls_us,
                                  result.phases.first_byte_us, result.phases.transfer_us}) {
        phase_field(out, us);
    }
    const bool is_status = result.http_status > 0 && result.http_status <= INT16_MAX;
    is_status ? number_field(out, static_cast<std::int16_t>(result.http_status)) : null_field(out);
    result.error == ErrorClass::none ? null_field(out) : text_field(out, to_string(result.error));
    error.empty() ? null_field(out) : text_field(out, error);
}

}  // namespace pulsimo::engine
