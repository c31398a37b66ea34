// wakeup_latency SECONDS: how late this machine wakes a process that asked to be woken every millisecond, which is what
// no figure of ours can be better than. Prints the median and the 99th percentile in microseconds.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

int main(int argc, char** argv) {
    if (argc != 2) return std::fprintf(stderr, "usage: wakeup_latency SECONDS\n"), 2;
    using Clock = std::chrono::steady_clock;
    std::vector<long> late_us;
    Clock::time_point due = Clock::now();
    for (int i = 0; i < std::atoi(argv[1]) * 1000; ++i) {
        due += std::chrono::milliseconds(1);
        std::this_thread::sleep_until(due);
        late_us.push_back(std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - due).count());
    }
    std::sort(late_us.begin(), late_us.end());
    std::printf("%ld %ld\n", late_us[late_us.size() / 2], late_us[late_us.size() * 99 / 100]);
}
