// The errors of reading and writing files.
#pragma once

#include "tenon/base/error.h"

namespace tenon::io {

// A file that cannot be opened, read or written, or that is not what it should be.
class TENON_API FileError : public Error {
 public:
  explicit FileError(const std::string& message, int code = 0, std::string path = {})
      : Error(message), code_(code), path_(std::move(path)) {}
  // The system's errno; 0 where the bytes themselves are wrong.
  int code() const { return code_; }
  const std::string& path() const { return path_; }

 private:
  int code_;
  std::string path_;
};

// A pickle that is damaged, or that asks for what a file may not ask for.
class TENON_API UnpicklingError : public FileError {
 public:
  using FileError::FileError;
};

}  // namespace tenon::io

// Throws FileError, built from the remaining arguments, unless `condition` holds.
#define TENON_CHECK_FILE(condition, ...) TENON_CHECK_AS(::tenon::io::FileError, condition, __VA_ARGS__)
