// One request to a server, and the verdict on its answer.
#pragma once

#include <string>

struct Target {
  std::string url;
  std::string connect_to = {};  // The address to use in place of the url's.
  double limit_s = 3;           // No answer by then is a timeout.
  double slow_after_s = 1;
  // For a server of our own: the certificate (PEM) of the only authority that
  // is trusted; then no proxy is used. If empty, as this machine is set up.
  std::string own_authority = {};
};

struct Answer {
  std::string status = {};  // "online", "slow", "error-404", "refused", ...
  double response_s = 0;    // Measured whatever the status is.
  std::string error = {};
};

// Blocks: at most target.limit_s.
Answer check(const Target& target);
