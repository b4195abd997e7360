// See http.h. One thread serves all connections; each is a coroutine that is given up when the other side is too slow.
#include "serve/http.h"

#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <optional>
#include <utility>

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>

#include "serve/options.h"
#include "serve/site.h"

namespace sentiment {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;

// For a whole request, and for its answer.
constexpr auto kPatience = std::chrono::seconds(10);
constexpr size_t kMostConnections = 64, kGreatestHeader = 8 << 10, kGreatestBody = 64 << 10;

auto into(beast::error_code& error) { return asio::redirect_error(asio::use_awaitable, error); }

// Counts itself among the open connections.
class Counted {
 public:
  explicit Counted(size_t& open) : open_(open) { ++open_; }
  ~Counted() { --open_; }
  Counted(const Counted&) = delete;

 private:
  size_t& open_;
};

// Nothing where there is nobody left to be told.
std::optional<Response> refusal_of(beast::error_code error) {
  if (error == http::error::header_limit) {
    return Site::refusal(http::status::request_header_fields_too_large, "the header is too long");
  }
  if (error == http::error::body_limit) {
    return Site::refusal(http::status::payload_too_large, "the body is too long");
  }
  const bool is_malformed = error.category() == http::make_error_code(http::error::bad_method).category();
  if (!is_malformed || error == http::error::end_of_stream || error == http::error::partial_message) return {};
  return Site::refusal(http::status::bad_request, "this is no HTTP request");
}

// Ends a connection; what the other side is still sending is read, or it would not see the answer.
asio::awaitable<void> part(beast::tcp_stream& stream) {
  beast::error_code error;
  stream.socket().shutdown(tcp::socket::shutdown_send, error);
  char rest[4096];
  stream.expires_after(kPatience);
  for (size_t bytes = 0; !error && bytes < 16 * kGreatestBody;) {
    bytes += co_await stream.async_read_some(asio::buffer(rest), into(error));
  }
}

asio::awaitable<void> converse(tcp::socket socket, const Site& site, size_t& open) {
  const Counted counted(open);
  beast::tcp_stream stream(std::move(socket));
  beast::flat_buffer buffer;
  for (bool goes_on = true; goes_on;) {
    http::request_parser<http::string_body> parser;
    parser.header_limit(kGreatestHeader);
    parser.body_limit(kGreatestBody);
    beast::error_code error;
    stream.expires_after(kPatience);
    co_await http::async_read(stream, buffer, parser, into(error));
    std::optional<Response> response = error ? refusal_of(error) : site.reply(parser.get());
    if (!response) co_return;
    // The other side takes what would follow for the next answer.
    if (parser.get().method() == http::verb::head) response->body().clear();
    goes_on = !error && parser.get().keep_alive();
    response->keep_alive(goes_on);
    stream.expires_after(kPatience);
    co_await http::async_write(stream, *response, into(error));
    if (error) co_return;
  }
  co_await part(stream);
}

asio::awaitable<void> accept_all(tcp::acceptor& acceptor, const Site& site, size_t& open) {
  for (;;) {
    beast::error_code error;
    tcp::socket socket = co_await acceptor.async_accept(into(error));
    if (error) {
      // Without a descriptor to spare nobody can be served until another connection ends.
      asio::steady_timer pause(acceptor.get_executor(), std::chrono::milliseconds(100));
      co_await pause.async_wait(into(error));
    } else if (open < kMostConnections) {
      asio::co_spawn(acceptor.get_executor(), converse(std::move(socket), site, open), asio::detached);
    }
  }
}

tcp::endpoint endpoint_of(const std::string& where) {
  const size_t colon = where.rfind(':');
  std::string address = colon == std::string::npos ? "" : where.substr(0, colon);
  const std::string port = where.substr(colon == std::string::npos ? 0 : colon + 1);
  if (address.empty() || address == "localhost") address = "127.0.0.1";
  if (address.size() > 2 && address.front() == '[' && address.back() == ']') {
    address = address.substr(1, address.size() - 2);
  }
  uint16_t number = 0;
  const auto [end, wrong] = std::from_chars(port.data(), port.data() + port.size(), number);
  beast::error_code error;
  const auto found = asio::ip::make_address(address, error);
  if (error || wrong != std::errc() || end != port.data() + port.size()) {
    throw UsageError("--http " + where + ": an address and a port, such as 127.0.0.1:8080, are expected");
  }
  return {found, number};
}

tcp::acceptor listen(asio::io_context& context, const std::string& where) {
  const tcp::endpoint endpoint = endpoint_of(where);
  try {
    return tcp::acceptor(context, endpoint);
  } catch (const boost::system::system_error& error) {
    throw std::runtime_error("cannot listen at " + where + ": " + error.code().message());
  }
}

}  // namespace

void serve_http(const Judge& judge, const std::string& where) {
  size_t open = 0;
  asio::io_context context(1);
  tcp::acceptor acceptor = listen(context, where);
  const tcp::endpoint endpoint = acceptor.local_endpoint();
  const Site site(judge, endpoint.port());
  asio::signal_set signals(context, SIGINT, SIGTERM);
  signals.async_wait([&](beast::error_code, int) { context.stop(); });
  asio::co_spawn(context, accept_all(acceptor, site, open), asio::detached);
  const bool is_v6 = endpoint.address().is_v6();
  std::printf("http://%s%s%s:%u/\n", is_v6 ? "[" : "", endpoint.address().to_string().c_str(), is_v6 ? "]" : "",
              static_cast<unsigned>(endpoint.port()));
  std::fflush(stdout);
  context.run();
}

}  // namespace sentiment
