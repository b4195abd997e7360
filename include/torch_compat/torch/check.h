// libtorch's checks and warnings, which throw c10::Error and its subclasses.
#pragma once

#include <iostream>

#include "tenon/base/error.h"

namespace tenon::detail {

// What a check says: its words or, without any, the condition.
template <class... Parts>
std::string check_message(const char* condition, const Parts&... parts) {
  if constexpr (sizeof...(Parts) == 0) {
    return concat("Expected ", condition, " to be true, but got false.");
  } else {
    return concat(parts...);
  }
}

}  // namespace tenon::detail

#define TORCH_CHECK_WITH(error, condition, ...) \
  TENON_CHECK_AS(::tenon::error, condition, ::tenon::detail::check_message(#condition __VA_OPT__(, ) __VA_ARGS__))
#define TORCH_CHECK(condition, ...) TORCH_CHECK_WITH(Error, condition __VA_OPT__(, ) __VA_ARGS__)
#define TORCH_CHECK_INDEX(condition, ...) TORCH_CHECK_WITH(IndexError, condition __VA_OPT__(, ) __VA_ARGS__)
#define TORCH_CHECK_VALUE(condition, ...) TORCH_CHECK_WITH(ValueError, condition __VA_OPT__(, ) __VA_ARGS__)
#define TORCH_CHECK_TYPE(condition, ...) TORCH_CHECK_WITH(TypeError, condition __VA_OPT__(, ) __VA_ARGS__)
#define TORCH_CHECK_NOT_IMPLEMENTED(condition, ...) \
  TORCH_CHECK_WITH(NotImplementedError, condition __VA_OPT__(, ) __VA_ARGS__)
#define TORCH_INTERNAL_ASSERT TORCH_CHECK
#define AT_ASSERT TORCH_CHECK
#define AT_ASSERTM TORCH_CHECK
#define AT_ERROR(...) ::tenon::detail::fail<::tenon::Error>(__VA_ARGS__)
#define TORCH_WARN(...) (std::cerr << ::tenon::concat("Warning: ", __VA_ARGS__, '\n'))
#define TORCH_WARN_ONCE(...)                                                     \
  do {                                                                           \
    [[maybe_unused]] static const bool warned = (TORCH_WARN(__VA_ARGS__), true); \
  } while (false)
