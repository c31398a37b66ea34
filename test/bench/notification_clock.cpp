// notification_clock CONNECTION: says LISTEN pulsimo and prints, for each notification, when it arrived (microseconds
// since 1970) and its payload. Says "listening" first. Ends when it is ended.
#include <libpq-fe.h>
#include <poll.h>

#include <chrono>
#include <cstdio>

int main(int argc, char** argv) {
    if (argc != 2) return std::fprintf(stderr, "usage: notification_clock CONNECTION\n"), 2;
    PGconn* connection = PQconnectdb(argv[1]);
    PQclear(PQexec(connection, "LISTEN pulsimo"));
    if (PQstatus(connection) != CONNECTION_OK) return std::fprintf(stderr, "%s", PQerrorMessage(connection)), 1;
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    std::puts("listening");
    pollfd ready{PQsocket(connection), POLLIN, 0};
    while (poll(&ready, 1, -1) > 0 && PQconsumeInput(connection) == 1) {
        while (PGnotify* notification = PQnotifies(connection)) {
            const auto now = std::chrono::system_clock::now().time_since_epoch();
            std::printf("%lld\t%s\n",
                        static_cast<long long>(std::chrono::duration_cast<std::chrono::microseconds>(now).count()),
                        notification->extra);
            PQfreemem(notification);
        }
    }
    return 1;
}
