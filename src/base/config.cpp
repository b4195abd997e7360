// Reads the environment; see config.h.
#include "base/config.h"

#include <charconv>
#include <cstdlib>
#include <initializer_list>
#include <string_view>

#include "tenon/base/error.h"

namespace tenon::config {
namespace {

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

std::optional<int> integer(const char* name, int low, int high) {
  const auto text = variable(name);
  if (!text) return std::nullopt;
  int value = 0;
  const char* end = text->data() + text->size();
  auto [stop, status] = std::from_chars(text->data(), end, value);
  TENON_CHECK_VALUE(status == std::errc() && stop == end && low <= value && value <= high, name,
                    ": expected an integer from ", low, " to ", high, ", got '", *text, "'");
  return value;
}

std::optional<int> choice(const char* name, std::initializer_list<std::string_view> choices) {
  const auto text = variable(name);
  if (!text) return std::nullopt;
  int position = 0;
  std::string valid;
  for (std::string_view candidate : choices) {
    if (candidate == *text) return position;
    valid.append(position++ ? ", " : "").append(candidate);
  }
  detail::fail<ValueError>(name, ": expected one of ", valid, ", got '", *text, "'");
}

}  // namespace

std::optional<int> num_threads() { return integer("TENON_NUM_THREADS", 1, kMaxThreads); }
std::optional<int> cuda_device() { return integer("TENON_CUDA_DEVICE", 0, 127); }
std::optional<std::string> cuda_plugin() { return variable("TENON_CUDA_PLUGIN"); }
std::optional<int> cpu_isa() { return choice("TENON_CPU_ISA", {"baseline", "avx2", "avx512"}); }
std::optional<int> log_level() { return choice("TENON_LOG_LEVEL", {"debug", "info", "warning", "error"}); }

}  // namespace tenon::config
