// What stands in for http.cpp in a build without Boost.
#include "serve/http.h"
#include "serve/options.h"

namespace sentiment {

void serve_http(const Judge&, const std::string&) {
  throw UsageError("--http is not in this executable, which was built without Boost.Beast");
}

}  // namespace sentiment
