// The health rules without counters: looks through the history each time.
#pragma once

#include <vector>

#include "health/health.hpp"

namespace pulsimo::health {

class HealthModel {
  public:
    explicit HealthModel(const Policy& policy) : policy_(policy) {}

    Step take(const Observation& observation, Hold hold);
    std::vector<Change> reconsider(Hold hold);
    Change set_maintenance(bool maintenance, std::int64_t at_us, Hold hold);
    void close_incident();
    void open_incident();

    Status status() const { return status_; }
    bool incident_open() const { return incident_ == Incident::open; }

  private:
    // held: it would be open, were it not for a hold or maintenance.
    enum class Incident { none, open, held };
    using Checks = std::vector<StoredCheck>;
    using Predicate = bool (*)(Status);

    Status verdict_of(const Observation& observation) const;
    void take_time(std::int64_t checked_at_us, Step& step);
    bool resolves() const { return policy_.auto_resolve && !flapping_; }

    Checks counted() const;
    Checks row(Predicate wanted) const;
    Checks troubles() const;
    std::int64_t outage_began_us() const;
    std::int64_t outage_in_window_began_us() const;

    void look_for_flapping();
    void consider(Status verdict, Hold hold, Change& change);
    void consider_trouble(Change& change);
    void consider_failure(Hold hold, Change& change);
    void consider_pass(Status verdict, Change& change);
    void change_after(Change& change, Status to, const Checks& run, int threshold);
    void change_status(Change& change, Status to, std::int64_t at_us);
    void recover(Change& change, std::int64_t ended_us);
    void resolve(Change& change, std::int64_t ended_us);
    void open_held(Hold hold, Change& change);
    std::vector<Change> told(Change change, bool news);

    Policy policy_;
    Checks history_;               // since it was last forgotten
    std::size_t window_from_ = 0;  // where in it the status began
    std::size_t closed_from_ = 0;  // where in it a person resolved the incident
    std::vector<bool> failed_;     // verdicts since the last gap
    Status status_ = Status::unknown;
    Incident incident_ = Incident::none;
    bool flapping_ = false;
    bool maintenance_ = false;
    std::int64_t began_us_ = 0;  // of the outage of an incident that is held
    std::int64_t since_us_ = 0;
    std::int64_t told_us_ = 0;
    std::int64_t last_us_ = 0;
};

}  // namespace pulsimo::health
