#include "unit/support/scripted_target.hpp"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "unit/support/gzip_run.hpp"

namespace pulsimo::test {

namespace {

using Answer = Script (*)(const std::string& rest);

std::size_t number(const std::string& text) {
    return static_cast<std::size_t>(std::atol(text.c_str()));
}

std::string percent_decoded(const std::string& text) {
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size()) {
            decoded += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
            i += 2;
        } else {
            decoded += text[i];
        }
    }
    return decoded;
}

Script then(Script script, Step step) {
    script.push_back(std::move(step));
    return script;
}

Script half_a_body() {
    return {Step::send(response_head(200, {{"Content-Length", "10"}}) + "01234")};
}

Script redirect_to(int status, const std::string& location) {
    return respond(status, "", {{"Location", location}});
}

Script status(const std::string& rest) {
    return respond(static_cast<int>(number(rest)), "status " + rest + "\n");
}

Script delay(const std::string& rest) {
    Script script{Step::wait(static_cast<int>(number(rest)))};
    return then(std::move(script), respond(200, "late\n").front());
}

Script slow_body(const std::string& rest) {
    return then(then(half_a_body(), Step::wait(static_cast<int>(number(rest)))), Step::send("56789"));
}

Script body(const std::string& rest) {
    return respond(200, std::string(number(rest), 'b'));
}

Script json(const std::string& rest) {
    return respond(200, percent_decoded(rest), {{"Content-Type", "application/json"}});
}

Script gzip(const std::string& rest) {
    return respond(200, gzip_run(number(rest)), {{"Content-Encoding", "gzip"}});
}

Script bad_gzip(const std::string&) {
    return respond(200, "this is not gzip", {{"Content-Encoding", "gzip"}});
}

Script bad_chunk(const std::string&) {
    return {Step::send(response_head(200, {{"Transfer-Encoding", "chunked"}}) + "5\r\nhello\r\nzz\r\nworld\r\n")};
}

Script many_headers(const std::string& rest) {
    Headers headers;
    for (std::size_t size = 0; size < number(rest); size += 1000) {
        headers.emplace_back("X-Filler-" + std::to_string(size), std::string(980, 'h'));
    }
    return respond(200, "", headers);
}

Script redirect(const std::string& rest) {
    const std::size_t left = number(rest);
    return left == 0 ? respond(200, "arrived\n") : redirect_to(302, "/redirect/" + std::to_string(left - 1));
}

Script redirect_loop(const std::string&) {
    return redirect_to(302, "/redirect-loop");
}

Script redirect_elsewhere(const std::string& rest) {
    return redirect_to(static_cast<int>(number(rest)), percent_decoded(rest.substr(rest.find('/') + 1)));
}

Script garbage(const std::string&) {
    return {Step::send("these are not the headers you look for\r\n\r\n"), Step::close()};
}
Script reset(const std::string&) {
    return {Step::reset()};
}
Script close(const std::string&) {
    return {Step::close()};
}
Script reset_middle(const std::string&) {
    return then(half_a_body(), Step::reset());
}
Script close_middle(const std::string&) {
    return then(half_a_body(), Step::close());
}
Script hang(const std::string&) {
    return {Step::hang()};
}

constexpr std::pair<std::string_view, Answer> kAnswers[] = {
    {"status", status},
    {"delay", delay},
    {"slow-body", slow_body},
    {"body", body},
    {"json", json},
    {"gzip", gzip},
    {"bad-gzip", bad_gzip},
    {"bad-chunk", bad_chunk},
    {"headers", many_headers},
    {"redirect", redirect},
    {"redirect-loop", redirect_loop},
    {"redirect-to", redirect_elsewhere},
    {"garbage", garbage},
    {"reset", reset},
    {"close", close},
    {"reset-middle", reset_middle},
    {"close-middle", close_middle},
    {"hang", hang},
};

}  // namespace

Script ScriptedTarget::operator()(const Request& request) {
    if (request.method == "POST" && request.path.starts_with("/control/")) {
        down_ = request.path == "/control/down";
        return respond(200, down_ ? "down\n" : "up\n");
    }
    if (down_) return respond(503, "down\n");
    if (request.path == "/") return respond(200, "ok\n");
    const std::size_t end = std::min(request.path.find('/', 1), request.path.size());
    const std::string name = request.path.substr(1, end - 1);
    const auto* found = std::find_if(std::begin(kAnswers), std::end(kAnswers),
                                     [&](const auto& answer) { return answer.first == name; });
    if (found == std::end(kAnswers)) return respond(404, "no such answer\n");
    return found->second(end < request.path.size() ? request.path.substr(end + 1) : std::string());
}

}  // namespace pulsimo::test
