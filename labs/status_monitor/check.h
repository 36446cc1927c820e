// One request to a server, and what is to be said of its answer.
#pragma once

#include <string>

struct Target {
  std::string url;
  std::string connect_to = {};  // The address to use in place of the url's.
  double limit_s = 3;           // No answer by then is a timeout.
  double slow_after_s = 1;
  // For a server of our own: the certificate (PEM) of the only authority that
  // is trusted, and no proxy is asked. Otherwise as this machine has it.
  std::string own_authority = {};
};

struct Answer {
  std::string status = {};  // "online", "slow", "error-404", "refused", ...
  double response_s = 0;    // Measured whatever the status is.
  std::string error = {};
};

// Blocks: at most target.limit_s.
Answer check(const Target& target);
