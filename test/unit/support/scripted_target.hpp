// Answers that the path of a request asks for, so that a test, or a person with a shell, can have any behaviour by URL:
//
//   /                     200 "ok"
//   /status/503           that status
//   /delay/2000           200 after that many milliseconds
//   /slow-body/2000       200, half of the body at once, the rest after that many milliseconds
//   /body/1000000         200 with a body of that many bytes
//   /json/{"status":"ok"} 200 with the rest of the path (percent-decoded) as JSON
//   /gzip/10000000        200 with that many bytes of 'a', compressed
//   /bad-gzip             200 announced as gzip, but it is not
//   /bad-chunk            200 with a chunk whose length is no number
//   /headers/100000       200 with headers of that many bytes in all
//   /redirect/3           that many redirects, then 200
//   /redirect-loop        redirects to itself
//   /redirect-to/302/URL  redirects there (percent-decoded) with that status
//   /garbage              something that is not HTTP
//   /reset /close         ends the connection without an answer, by RST or FIN
//   /reset-middle /close-middle   ... in the middle of the body
//   /hang                 never answers
//
//   POST /control/down    from now on every other path answers 503
//   POST /control/up      ... and as above again
#pragma once

#include "unit/support/test_server.hpp"

namespace pulsimo::test {

class ScriptedTarget {
  public:
    Script operator()(const Request& request);

  private:
    bool down_ = false;
};

}  // namespace pulsimo::test
