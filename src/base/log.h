// Messages to the standard error stream, from TENON_LOG_LEVEL (default: warning) upwards.
#pragma once

#include <cstdint>
#include <string_view>

#include "tenon/base/error.h"
#include "tenon/base/export.h"

namespace tenon {

enum class LogLevel : uint8_t { Debug, Info, Warning, Error };

// Whether messages of `level` are shown.
TENON_API bool log_enabled(LogLevel level);
// Overrides TENON_LOG_LEVEL.
TENON_API void set_log_level(LogLevel level);

namespace detail {
TENON_API void write_log(LogLevel level, std::string_view message);
}

// Writes one line made of `parts`; never throws for what TENON_LOG_LEVEL holds.
template <class... Parts>
void log(LogLevel level, const Parts&... parts) {
  if (log_enabled(level)) detail::write_log(level, concat(parts...));
}

}  // namespace tenon
