// What the command line of tenon-sentiment asks for.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>

namespace sentiment {

struct Options {
  std::string model, tokenizer;
  bool json = false;
  std::optional<std::string> batch;  // a file, or "-" for the standard input
  std::optional<std::string> http;   // address:port
  bool help = false;
};

// A command line that asks for nothing that there is.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

Options read_options(int argc, char** argv);

extern const char* const kHelp;

}  // namespace sentiment
