// The typed errors that every layer throws, and the checks that throw them.
// A message names the op, the argument, what was seen, and what would be valid.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

#include "tenon/base/export.h"

namespace tenon {

// The root of all errors, exported so that users of the shared library catch it by type. In Python it is RuntimeError,
// and each subclass is the builtin of its name.
class TENON_API Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;

  std::string msg() const { return what(); }
  const char* what_without_backtrace() const noexcept { return what(); }
};

// Wrong shapes, dtypes or states of tensors.
class TENON_API TensorError : public Error {
 public:
  using Error::Error;
};

// A device that is missing, mixed or failing.
class TENON_API DeviceError : public Error {
 public:
  using Error::Error;
};

class TENON_API IndexError : public Error {
 public:
  using Error::Error;
};

class TENON_API ValueError : public Error {
 public:
  using Error::Error;
};

class TENON_API TypeError : public Error {
 public:
  using Error::Error;
};

class TENON_API NotImplementedError : public Error {
 public:
  using Error::Error;
};

// A matrix that a decomposition cannot take, such as one without an inverse.
class TENON_API LinAlgError : public Error {
 public:
  using Error::Error;
};

class TENON_API OutOfMemoryError : public Error {
 public:
  using Error::Error;
};

// Concatenates anything that can be streamed.
template <class... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return std::move(out).str();
}

namespace detail {
template <class E, class... Parts>
[[noreturn, gnu::cold, gnu::noinline]] void fail(const Parts&... parts) {
  throw E(concat(parts...));
}
}  // namespace detail

}  // namespace tenon

// Each throws its error, built from the remaining arguments, unless `condition` holds.
#define TENON_CHECK_AS(Error, condition, ...) \
  do {                                        \
    if (!(condition)) [[unlikely]]            \
      ::tenon::detail::fail<Error>(__VA_ARGS__); \
  } while (false)

#define TENON_CHECK(condition, ...) TENON_CHECK_AS(::tenon::TensorError, condition, __VA_ARGS__)
#define TENON_CHECK_DEVICE(condition, ...) TENON_CHECK_AS(::tenon::DeviceError, condition, __VA_ARGS__)
#define TENON_CHECK_INDEX(condition, ...) TENON_CHECK_AS(::tenon::IndexError, condition, __VA_ARGS__)
#define TENON_CHECK_VALUE(condition, ...) TENON_CHECK_AS(::tenon::ValueError, condition, __VA_ARGS__)
#define TENON_CHECK_TYPE(condition, ...) TENON_CHECK_AS(::tenon::TypeError, condition, __VA_ARGS__)
