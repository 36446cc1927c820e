// A site whose certificate is signed only by itself.
#pragma once

#include <string>

#include "common/base/unique_fd.h"

// The certificate, as PEM, of an authority that has signed nothing.
std::string make_authority();

// Never returns.
void serve_forged(const ipc::UniqueFd& listener);
