#include "unit/support/cron_oracle.hpp"

#include <ctime>

namespace pulsimo::test {

namespace {

constexpr std::int64_t kDayS = 86'400;

bool is_star(const CronMeaning::Field& field) {
    return field.text.front() == '*';
}

std::int64_t local_time(std::int64_t unix_s) {
    const auto moment = static_cast<std::time_t>(unix_s);
    std::tm local{};
    localtime_r(&moment, &local);
    return timegm(&local);
}

int day_of_month(std::int64_t local_s) {
    const auto moment = static_cast<std::time_t>(local_s);
    std::tm time{};
    gmtime_r(&moment, &time);
    return time.tm_mday;
}

int any(std::mt19937& random, int least, int most) {
    return least + static_cast<int>(random() % static_cast<unsigned>(most - least + 1));
}

CronMeaning::Field stepped(std::mt19937& random, int least, int most) {
    const int step = any(random, 1, most);
    CronMeaning::Field field{"*/" + std::to_string(step), {}};
    for (int value = least; value <= most; value += step) field.values.insert(value);
    return field;
}

CronMeaning::Field listed(std::mt19937& random, int least, int most) {
    CronMeaning::Field field;
    for (int items = any(random, 1, 4); items > 0; --items) {
        const int first = any(random, least, most);
        const int last = random() % 2 == 0 ? first : any(random, first, most);
        const int step = random() % 2 == 0 ? 1 : any(random, 1, most);
        if (!field.text.empty()) field.text += ',';
        field.text += std::to_string(first);
        if (last != first || step != 1) field.text += '-' + std::to_string(last);
        if (step != 1) field.text += '/' + std::to_string(step);
        for (int value = first; value <= last; value += step) field.values.insert(value);
    }
    return field;
}

CronMeaning::Field random_field(std::mt19937& random, int least, int most) {
    switch (random() % 4) {
        case 0:
        case 1: {
            CronMeaning::Field field{"*", {}};
            for (int value = least; value <= most; ++value) field.values.insert(value);
            return field;
        }
        case 2:
            return stepped(random, least, most);
        default:
            return listed(random, least, most);
    }
}

}  // namespace

std::string CronMeaning::text() const {
    return minute.text + ' ' + hour.text + ' ' + day.text + ' ' + month.text + ' ' + weekday.text;
}

bool CronMeaning::matches(std::int64_t local_s) const {
    const auto moment = static_cast<std::time_t>(local_s);
    std::tm time{};
    gmtime_r(&moment, &time);
    const bool by_day = day.values.contains(time.tm_mday) || (last_day && day_of_month(local_s + kDayS) == 1);
    const bool by_weekday = weekday.values.contains(time.tm_wday) || (time.tm_wday == 0 && weekday.values.contains(7));
    const bool both = is_star(day) || is_star(weekday);
    return minute.values.contains(time.tm_min) && hour.values.contains(time.tm_hour) &&
           month.values.contains(time.tm_mon + 1) && (both ? by_day && by_weekday : by_day || by_weekday);
}

CronMeaning random_cron(std::mt19937& random) {
    CronMeaning cron{.minute = random_field(random, 0, 59),
                     .hour = random_field(random, 0, 23),
                     .day = random_field(random, 1, 31),
                     .month = random_field(random, 1, 12),
                     .weekday = random_field(random, 0, 7)};
    if (random() % 4 == 0) {
        cron.last_day = true;
        cron.day.text += ",L";
    }
    return cron;
}

std::vector<std::int64_t> naive_runs(const CronMeaning& cron, const LibcZone& zone, std::int64_t from_s,
                                     std::int64_t to_s) {
    zone.use();
    const bool every_hour = cron.hour.values.size() == 24;
    std::vector<std::int64_t> runs;
    std::set<std::int64_t> shown;
    std::int64_t before = local_time(from_s - 3 * kDayS - 60);
    for (std::int64_t moment = from_s - 3 * kDayS; moment < to_s; moment += 60) {
        const std::int64_t local = local_time(moment);
        bool runs_now = cron.matches(local) && (every_hour || !shown.contains(local));
        const std::int64_t passed_over_s = local - before - 60;
        if (!(every_hour && passed_over_s % 3600 == 0)) {
            for (std::int64_t lost = before + 60; lost < local; lost += 60) {
                runs_now = runs_now || (cron.matches(lost) && !shown.contains(lost));
            }
        }
        shown.insert(local);
        shown.erase(shown.begin(), shown.lower_bound(local - 3 * kDayS));
        before = local;
        if (runs_now && moment >= from_s) runs.push_back(moment);
    }
    return runs;
}

}  // namespace pulsimo::test
