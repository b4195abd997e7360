// The local page and its answers over HTTP.
#pragma once

#include <string>

#include "serve/judge.h"

namespace sentiment {

// Serves at "address:port", ":port" or "port" until SIGINT or SIGTERM. Says on the standard output where it listens.
void serve_http(const Judge& judge, const std::string& where);

}  // namespace sentiment
