// The time zones of the server, from the zone database that it was built with or told to use, as the engine asks for
// them.
#pragma once

#include <memory>
#include <string>

#include "engine/time_zone.hpp"

namespace pulsimo::pg {

// By a name of pg_timezone_names, in whatever case. A rule like FOO+3, which SET timezone takes as well, is none of
// them: a slip of the pen would pass for a zone without summer time. Throws engine::InvalidOption when there is no such
// zone. The zone may be used outside transactions and as long as the process lives.
std::shared_ptr<const engine::TimeZone> find_time_zone(const std::string& name);

}  // namespace pulsimo::pg
