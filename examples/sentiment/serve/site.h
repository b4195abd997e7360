// What is answered to an HTTP request: the page's files, and answers to reviews.
#pragma once

#include <boost/beast/http.hpp>
#include <cstdint>

#include "serve/judge.h"

namespace sentiment {

namespace http = boost::beast::http;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

class Site {
 public:
  Site(const Judge& judge, uint16_t port) : judge_(judge), port_(port) {}

  // What GET gets is also the answer to HEAD, less its body.
  Response reply(const Request& request) const;
  // Of a request that could not be read, or not be answered.
  static Response refusal(http::status status, const char* why);

 private:
  bool is_own_host(const std::string& host) const;
  Response answer(const Request& request) const;

  const Judge& judge_;
  uint16_t port_;
};

}  // namespace sentiment
