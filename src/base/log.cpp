// Messages to the standard error stream; see log.h.
#include "base/log.h"

#include <atomic>
#include <cstdio>
#include <string>

#include "base/config.h"

namespace tenon {
namespace {

constexpr int kUnset = -1;
std::atomic<int> shown_from{kUnset};

// Logging happens where nothing may throw, so a bad level is reported once and the default taken.
int level_from_environment() {
  try {
    return config::log_level().value_or(static_cast<int>(LogLevel::Warning));
  } catch (const ValueError& error) {
    detail::write_log(LogLevel::Warning, error.what());
    return static_cast<int>(LogLevel::Warning);
  }
}

}  // namespace

bool log_enabled(LogLevel level) {
  int from = shown_from.load(std::memory_order_relaxed);
  if (from == kUnset) {
    const int found = level_from_environment();
    // Keeps a level that set_log_level set meanwhile.
    if (shown_from.compare_exchange_strong(from, found)) from = found;
  }
  return static_cast<int>(level) >= from;
}

void set_log_level(LogLevel level) { shown_from.store(static_cast<int>(level)); }

void detail::write_log(LogLevel level, std::string_view message) {
  static constexpr const char* kNames[] = {"debug", "info", "warning", "error"};
  std::string line = concat("[tenon ", kNames[static_cast<int>(level)], "] ", message, '\n');
  // One call, so that lines of several threads do not mix.
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace tenon
