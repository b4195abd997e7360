// See site.h.
#include "serve/site.h"

#include <boost/asio/ip/address.hpp>
#include <nlohmann/json.hpp>

#include "serve/answers.h"
#include "serve/page.h"

namespace sentiment {
namespace {

constexpr const char* kJson = "application/json";

struct File {
  const char* path;
  const char* type;
  const char* content;
};
const File kFiles[] = {{"/", "text/html; charset=utf-8", kPageHtml},
                       {"/page.css", "text/css; charset=utf-8", kPageCss},
                       {"/page.js", "text/javascript; charset=utf-8", kPageJs}};

std::string text_of(boost::beast::string_view text) { return std::string(text.data(), text.size()); }

Response respond(http::status status, const char* type, std::string body) {
  Response response(status, 11);
  response.set(http::field::content_type, type);
  // The page needs its own style, script and answers, and nothing else.
  response.set("Content-Security-Policy",
               "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
               "base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
  response.set("X-Content-Type-Options", "nosniff");
  response.set("Referrer-Policy", "no-referrer");
  response.set("Cross-Origin-Resource-Policy", "same-origin");
  response.set(http::field::cache_control, "no-store");
  response.body() = std::move(body);
  response.prepare_payload();
  return response;
}

Response wrong_method(const char* allowed) {
  Response response = Site::refusal(http::status::method_not_allowed, "this method is not for this path");
  response.set(http::field::allow, allowed);
  return response;
}

bool is_json(const Request& request) {
  const std::string type = text_of(request[http::field::content_type]);
  return boost::beast::iequals(type.substr(0, type.find_first_of("; ")), kJson);
}

}  // namespace

Response Site::refusal(http::status status, const char* why) {
  return respond(status, kJson, nlohmann::json({{"error", why}}).dump());
}

// A foreign page can have its name lead here, but it cannot make a browser ask for an address or localhost.
bool Site::is_own_host(const std::string& host) const {
  std::string name = host;
  const std::string port = ":" + std::to_string(port_);
  if (name.ends_with(port)) {
    name.resize(name.size() - port.size());
  } else if (port_ != 80) {
    return false;
  }
  if (name.size() > 2 && name.front() == '[' && name.back() == ']') name = name.substr(1, name.size() - 2);
  boost::system::error_code error;
  boost::asio::ip::make_address(name, error);
  return !error || boost::beast::iequals(name, "localhost");
}

Response Site::reply(const Request& request) const {
  const std::string host = text_of(request[http::field::host]);
  if (!is_own_host(host)) {
    return refusal(http::status::misdirected_request, "the host must be localhost or an address, with the port");
  }
  const auto origin = request.find(http::field::origin);
  if (origin != request.end() && text_of(origin->value()) != "http://" + host) {
    return refusal(http::status::forbidden, "the page of another origin asks");
  }
  const std::string target = text_of(request.target());
  const std::string path = target.substr(0, target.find('?'));
  if (path == "/answer") return request.method() == http::verb::post ? answer(request) : wrong_method("POST");
  for (const File& file : kFiles) {
    if (path != file.path) continue;
    if (request.method() != http::verb::head && request.method() != http::verb::get) return wrong_method("GET, HEAD");
    return respond(http::status::ok, file.type, file.content);
  }
  return refusal(http::status::not_found, "nothing is here");
}

Response Site::answer(const Request& request) const {
  if (!is_json(request)) return refusal(http::status::unsupported_media_type, "application/json is expected");
  const auto asked = nlohmann::json::parse(request.body(), nullptr, false);
  if (asked.is_discarded()) return refusal(http::status::bad_request, "the body is no JSON");
  if (!asked.is_object() || !asked.contains("text") || !asked["text"].is_string()) {
    return refusal(http::status::bad_request, "an object with a string \"text\" is expected");
  }
  try {
    const std::string_view text = asked["text"].get_ref<const std::string&>();
    const Answer answer = judge_.answer({&text, 1}).front();
    if (!answer.is_known()) return refusal(http::status::internal_server_error, kUnknown);
    return respond(http::status::ok, kJson, as_json(answer));
  } catch (const std::exception&) {
    return refusal(http::status::internal_server_error, "the review could not be answered");
  }
}

}  // namespace sentiment
