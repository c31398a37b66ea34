// A message is a row of records: one byte that tells the kind, then the fields in the order that fields() lists them,
// for writing and reading alike. Numbers are as the machine holds them, texts are a length and their bytes.
#include "engine/wire.hpp"

#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "engine/excerpt.hpp"
#include "engine/text.hpp"

namespace pulsimo::engine {
namespace {

// The kind of a command is its place in the variant.
constexpr std::uint8_t kResultKind = 0xFF;
static_assert(std::variant_size_v<Command> < kResultKind);

template <class T>
concept Number = std::is_integral_v<T> && !std::is_same_v<T, bool>;

// `record` is a const or a mutable R, for a Writer or a Reader.
template <class Archive, class R>
void fields(Archive& archive, R& record) {
    using T = std::remove_const_t<R>;
    if constexpr (std::is_same_v<T, Upsert>) {
        auto& config = record.config;
        archive(config.id, config.interval_us, config.timeout_us, config.url, config.options_json, config.networks,
                config.cron);
    } else if constexpr (std::is_same_v<T, OwnNetworks>) {
        archive(record.blocked, record.allowed);
    } else if constexpr (std::is_same_v<T, CronText>) {
        archive(record.expression, record.timezone);
    } else if constexpr (std::is_same_v<T, Remove>) {
        archive(record.endpoint_id);
    } else if constexpr (std::is_same_v<T, CheckNow>) {
        archive(record.endpoint_id, record.request_id);
    } else if constexpr (std::is_same_v<T, RetryAfter>) {
        archive(record.endpoint_id, record.delay_us);
    } else if constexpr (std::is_same_v<T, SetAccepting>) {
        archive(record.accepting);
    } else {
        static_assert(std::is_same_v<T, CheckResult>);
        auto& phases = record.phases;
        archive(record.endpoint_id, record.request_id, record.started_at_us, record.lateness_us, record.skipped_slots,
                record.stall_us, record.error, record.detail, record.response_us, phases.dns_us, phases.connect_us,
                phases.tls_us, phases.first_byte_us, phases.transfer_us, record.http_status,
                record.certificate_expires_at_s, record.certificate_issuer, record.excerpt);
    }
}

class Writer {
  public:
    explicit Writer(std::string& out) : out_(out) {}

    template <class... Fields>
    void operator()(const Fields&... values) {
        (put(values), ...);
    }

  private:
    template <Number T>
    void put(T value) {
        char bytes[sizeof value];
        std::memcpy(bytes, &value, sizeof value);
        out_.append(bytes, sizeof value);
    }
    void put(bool value) { put(static_cast<std::uint8_t>(value)); }
    void put(ErrorClass value) { put(static_cast<std::uint8_t>(value)); }
    void put(const std::string& value) {
        if (value.size() > std::numeric_limits<std::uint32_t>::max()) throw WireError("text too long for a message");
        put(static_cast<std::uint32_t>(value.size()));
        out_ += value;
    }
    template <class T>
    void put(const Rarely<T>& value) {
        fields(*this, *value);
    }

    std::string& out_;
};

class Reader {
  public:
    explicit Reader(std::span<const char> message) : rest_(message) {}

    bool at_end() const { return rest_.empty(); }

    std::uint8_t kind() {
        std::uint8_t byte = 0;
        get(byte);
        return byte;
    }

    template <class... Fields>
    void operator()(Fields&... values) {
        (get(values), ...);
    }

  private:
    std::span<const char> take(std::size_t size) {
        if (rest_.size() < size) throw WireError("message ends inside a record");
        const auto taken = rest_.first(size);
        rest_ = rest_.subspan(size);
        return taken;
    }

    template <Number T>
    void get(T& value) {
        std::memcpy(&value, take(sizeof value).data(), sizeof value);
    }
    void get(bool& value) {
        std::uint8_t byte = 0;
        get(byte);
        if (byte > 1) throw WireError("a truth value is neither 0 nor 1");
        value = byte == 1;
    }
    void get(ErrorClass& value) {
        std::uint8_t byte = 0;
        get(byte);
        const auto error = error_class_from_byte(byte);
        if (!error) throw WireError("unknown error class");
        value = *error;
    }
    void get(std::string& value) {
        std::uint32_t size = 0;
        get(size);
        const auto bytes = take(size);
        value.assign(bytes.begin(), bytes.end());
    }
    template <class T>
    void get(Rarely<T>& value) {
        T plain;
        fields(*this, plain);
        value = std::move(plain);
    }

    std::span<const char> rest_;
};

template <class R>
void append_record(std::string& out, std::uint8_t kind, const R& record) {
    Writer writer(out);
    writer(kind);
    fields(writer, record);
}

template <class R>
R read_record(Reader& reader) {
    R record;
    fields(reader, record);
    return record;
}

template <std::size_t I = 0>
Command read_command(Reader& reader, std::uint8_t kind) {
    if constexpr (I < std::variant_size_v<Command>) {
        if (kind == I) return read_record<std::variant_alternative_t<I, Command>>(reader);
        return read_command<I + 1>(reader, kind);
    } else {
        throw WireError("not a command");
    }
}

// The texts of a result come from the network by way of a process that talks to it all day: what they promise is made
// true on the side that has the database.
CheckResult read_result(Reader& reader) {
    if (reader.kind() != kResultKind) throw WireError("not a result");
    auto result = read_record<CheckResult>(reader);
    result.detail = safe_text(result.detail, CheckResult::kMaxDetail);
    result.certificate_issuer = safe_text(result.certificate_issuer, CheckResult::kMaxDetail);
    result.excerpt = acceptable_excerpt(std::move(result.excerpt));
    return result;
}

}  // namespace

void append(std::string& out, const Command& command) {
    const auto kind = static_cast<std::uint8_t>(command.index());
    std::visit([&out, kind](const auto& record) { append_record(out, kind, record); }, command);
}

void append(std::string& out, const CheckResult& result) {
    append_record(out, kResultKind, result);
}

std::vector<Command> decode_commands(std::span<const char> message) {
    std::vector<Command> commands;
    Reader reader(message);
    while (!reader.at_end()) commands.push_back(read_command(reader, reader.kind()));
    return commands;
}

std::vector<CheckResult> decode_results(std::span<const char> message) {
    std::vector<CheckResult> results;
    Reader reader(message);
    while (!reader.at_end()) results.push_back(read_result(reader));
    return results;
}

}  // namespace pulsimo::engine
