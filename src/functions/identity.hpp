// Who the session acts for: a user of pulsimo.users, or nobody.
//
// By default that is the active user whose database_role is caller(): the effective user, as for every right in the
// server. The name alone does not do, since a role can be dropped and its name taken by somebody else: the role must
// also have been granted USAGE on the schema itself, which goes with the role. act_for() puts somebody else in that
// place until the transaction ends: it is how sessions of an application share one role behind a pool. Whoever acts by
// way of an API key has the rights of its user as far as the key's scopes reach, and none over the account itself. The
// identity lives in the memory of the backend and in no setting, because whatever can be SET can be forged.
#pragma once

#include <cstdint>

namespace pulsimo::functions {

constexpr std::int64_t kNobody = 0;
constexpr std::int64_t kNoKey = 0;

// Raises what reading pulsimo.users raises.
std::int64_t current_user_id();

// The API key by which the session acts for its user; kNoKey when it is a person.
std::int64_t current_api_key_id();

// Until the transaction ends, or the subtransaction this is called in is rolled back: then it is the role that counts.
void act_for(std::int64_t user_id, std::int64_t api_key_id = kNoKey);

// A superuser whose session acts for nobody else: allowed everything, as everywhere in the server.
bool is_operator();

// Changes whenever what was found out about the user may no longer hold: with every snapshot that sees another state of
// the tables, every (sub)transaction that ends, every change of role or identity.
struct IdentityStamp {
    std::uint32_t xmin;
    std::uint32_t xmax;
    std::uint32_t running;  // transactions below xmax; with xmin and xmax that tells which, as no new one can join
    std::uint32_t running_parts;  // subtransactions likewise
    std::uint32_t command;
    std::uint32_t role;
    std::uint64_t generation;

    bool operator==(const IdentityStamp&) const = default;
};
IdentityStamp identity_stamp();

}  // namespace pulsimo::functions
