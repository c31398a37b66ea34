#include "unit/support/test_connection.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <stdexcept>

namespace pulsimo::test {

TestTls::TestTls(const Certificate* certificate, int newest_version) {
    if (certificate == nullptr) return;
    context_.reset(SSL_CTX_new(TLS_server_method()));
    if (context_ == nullptr || SSL_CTX_use_certificate(context_.get(), certificate->certificate.get()) != 1 ||
        SSL_CTX_use_PrivateKey(context_.get(), certificate->key.get()) != 1) {
        throw std::runtime_error("OpenSSL refuses the certificate of the test server");
    }
    SSL_CTX_set_max_proto_version(context_.get(), newest_version);
    SSL_CTX_set_mode(context_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

Session TestTls::new_session() const {
    return Session(context_ != nullptr ? SSL_new(context_.get()) : nullptr);
}

TestConnection::TestConnection(int fd, Session session) : fd_(fd), session_(std::move(session)) {
    if (session_ == nullptr) return;
    SSL_set_fd(session_.get(), fd_);
    SSL_set_accept_state(session_.get());
}

TestConnection::~TestConnection() {
    if (session_ != nullptr && shaken_ && !gone_) SSL_shutdown(session_.get());
    close(fd_);
}

TestConnection::Progress TestConnection::go_on(const std::function<Script(const Request&)>& answer) {
    if (session_ != nullptr && !shaken_ && !shake_hands()) return gone_ ? Progress::ended : Progress::blocked;
    read_all();
    for (;;) {
        const Progress progress = play();
        if (gone_ || progress != Progress::blocked || !steps_.empty()) return gone_ ? Progress::ended : progress;
        Request request;
        if (!take_request(request)) return Progress::blocked;
        const Script script = answer(request);
        steps_.assign(script.begin(), script.end());
    }
}

bool TestConnection::shake_hands() {
    const int result = SSL_do_handshake(session_.get());
    shaken_ = result == 1;
    if (!shaken_) {
        const int error = SSL_get_error(session_.get(), result);
        gone_ = error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE;
    }
    return shaken_;
}

bool TestConnection::read_all() {
    char buffer[16384];
    for (;;) {
        ssize_t count = 0;
        if (session_ != nullptr) {
            count = SSL_read(session_.get(), buffer, sizeof buffer);
            const int error = count > 0 ? SSL_ERROR_NONE : SSL_get_error(session_.get(), static_cast<int>(count));
            if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return true;
        } else {
            count = recv(fd_, buffer, sizeof buffer, 0);
            if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return true;
        }
        if (count <= 0) {
            gone_ = true;
            return false;
        }
        input_.append(buffer, static_cast<std::size_t>(count));
    }
}

bool TestConnection::take_request(Request& request) {
    const auto end = input_.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    std::size_t line_end = input_.find("\r\n");
    const std::string first = input_.substr(0, line_end);
    const auto space = first.find(' ');
    request.method = first.substr(0, space);
    request.path = first.substr(space + 1, first.rfind(' ') - space - 1);
    while (line_end < end) {
        const std::size_t begin = line_end + 2;
        line_end = input_.find("\r\n", begin);
        const std::string line = input_.substr(begin, line_end - begin);
        const auto colon = line.find(':');
        const auto value = line.find_first_not_of(' ', colon + 1);
        request.headers.emplace_back(line.substr(0, colon), value == std::string::npos ? "" : line.substr(value));
    }
    const auto length = static_cast<std::size_t>(std::atol(request.header("Content-Length").c_str()));
    if (input_.size() < end + 4 + length) return false;
    request.body = input_.substr(end + 4, length);
    input_.erase(0, end + 4 + length);
    return true;
}

// Plays the steps that are left. `blocked` with no step left: the script is through.
TestConnection::Progress TestConnection::play() {
    while (!steps_.empty()) {
        Step& step = steps_.front();
        switch (step.kind) {
            case Step::Kind::send:
                if (!write_some(step.bytes)) return Progress::blocked;
                break;
            case Step::Kind::wait:
                if (!waiting_) {
                    waiting_ = true;
                    wakes_at_ = Clock::now() + std::chrono::milliseconds(step.ms);
                    return Progress::sleeping;
                }
                if (Clock::now() < wakes_at_) return Progress::blocked;  // its sleep goes on
                waiting_ = false;
                break;
            case Step::Kind::reset:
                prepare_reset();
                return Progress::ended;
            case Step::Kind::close:
                return Progress::ended;
            case Step::Kind::hang:
                return Progress::blocked;
        }
        steps_.pop_front();
    }
    return Progress::blocked;
}

// True when all is written.
bool TestConnection::write_some(std::string& bytes) {
    std::size_t written = 0;
    while (written < bytes.size()) {
        const std::size_t left = bytes.size() - written;
        const ssize_t count = session_ != nullptr
                                  ? SSL_write(session_.get(), bytes.data() + written, static_cast<int>(left))
                                  : send(fd_, bytes.data() + written, left, MSG_NOSIGNAL);
        if (count <= 0) {
            const bool later = session_ != nullptr
                                   ? SSL_get_error(session_.get(), static_cast<int>(count)) == SSL_ERROR_WANT_WRITE
                                   : errno == EAGAIN || errno == EWOULDBLOCK;
            gone_ = !later;
            bytes.erase(0, written);
            return false;
        }
        written += static_cast<std::size_t>(count);
    }
    return true;
}

// Closing with a linger time of 0 sends RST instead of FIN.
void TestConnection::prepare_reset() {
    const linger now{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    gone_ = true;  // no farewell of TLS
}

}  // namespace pulsimo::test
