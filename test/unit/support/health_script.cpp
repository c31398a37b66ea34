#include "unit/support/health_script.hpp"

#include <map>

namespace pulsimo::health {
namespace {

std::string intervals(std::int64_t at_us) {
    const std::int64_t halves = (at_us - kStart) / (kInterval / 2);
    return std::to_string(halves / 2) + (halves % 2 == 0 ? "" : ".5");
}

std::string described(const Change& change) {
    std::string text(to_string(change.to));
    text += '@' + intervals(change.at_us);
    if (change.gap) text += " gap";
    if (change.incident == IncidentAction::open) text += " open";
    if (change.incident == IncidentAction::resolve) text += " resolve";
    const bool dated_apart = change.incident != IncidentAction::none && change.incident_at_us != change.at_us;
    if (dated_apart) text += " (" + intervals(change.incident_at_us) + ')';
    if (change.maintenance) text += " maintenance";
    if (change.flapping) text += " flapping";
    return text;
}

class Script {
  public:
    explicit Script(const Policy& policy) : policy_(policy) {}

    std::vector<Change> run(char letter, std::int64_t check_at_us) {
        const std::int64_t between_us = check_at_us - kInterval / 2;
        switch (letter) {
            case '[':
                return {enter_maintenance(state_, between_us)};
            case ']':
                return {leave_maintenance(state_, between_us, hold_)};
            case '(':
                return reconsidered(Hold::incident);
            case '{':
                return reconsidered(Hold::verdict);
            case ')':
                return reconsidered(Hold::nothing);
            case 'c':
                incident_closed(state_);
                return {};
            case 'o':
                incident_opened(state_);
                return {};
            default:
                return step(state_, observation(letter, check_at_us), policy_, hold_).changes;
        }
    }

  private:
    std::vector<Change> reconsidered(Hold hold) {
        hold_ = hold;
        const auto change = reconsider(state_, policy_, hold);
        return change ? std::vector{*change} : std::vector<Change>{};
    }

    Policy policy_;
    State state_;
    Hold hold_ = Hold::nothing;
};

bool takes_an_interval(char letter) {
    return std::string("[](){}co").find(letter) == std::string::npos;
}

}  // namespace

Policy policy(int failures, int successes) {
    Policy policy;
    policy.failure_threshold = failures;
    policy.success_threshold = successes;
    policy.degraded_after_us = kSecond;
    return policy;
}

Observation observation(char letter, std::int64_t at_us) {
    static const std::map<char, Observation> kLetters = {
        {'P', {0, Outcome::pass, 100, 0}},
        {'S', {0, Outcome::pass, 2 * kSecond, 0}},
        {'s', {0, Outcome::pass, 2 * kSecond, 2 * kSecond}},
        {'F', {0, Outcome::fail, 100, 0}},
        {'X', {0, Outcome::no_answer, 10 * kSecond, 0}},
        {'x', {0, Outcome::no_answer, 10 * kSecond, 2 * kSecond}},
        {'T', {0, Outcome::own_trouble, 0, 0}},
    };
    Observation result = kLetters.at(letter);
    result.checked_at_us = at_us;
    return result;
}

std::string changes_of(const std::string& script, const Policy& policy, std::size_t from) {
    Script run(policy);
    std::string text;
    std::size_t number = 0;
    for (const char letter : script) {
        const auto at_us = kStart + static_cast<std::int64_t>(number) * kInterval;
        const std::vector<Change> changes = letter == ' ' ? std::vector<Change>{} : run.run(letter, at_us);
        for (const Change& change : changes) {
            if (number < from) continue;
            if (!text.empty()) text += ", ";
            text += std::to_string(number) + ": " + described(change);
        }
        if (takes_an_interval(letter)) ++number;
    }
    return text;
}

}  // namespace pulsimo::health
