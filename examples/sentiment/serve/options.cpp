// See options.h.
#include "serve/options.h"

#include <string_view>

namespace sentiment {

const char* const kHelp = R"(usage: tenon-sentiment --model FILE.safetensors --tokenizer tokenizer.json [options]

Says of each line of the standard input whether it is a positive or a negative review, and how probable that is:
"positive 0.973". The line q, exit or quit ends it, and so does the end of the input.

  --json                a line of JSON for each answer: {"label": "positive", "probability": 0.973052}
  --batch FILE          answers all lines of a file (- is the standard input), in order and as fast as it can; here
                        q, exit and quit are reviews
  --http ADDRESS:PORT   serves a page that answers as you type, and POST /answer with {"text": "..."}. Without an
                        address it is 127.0.0.1; port 0 is any that is free
  --help                this text

Texts are cut after as many tokens as the tokenizer's file says (128 if it does not), and of a line of more than 1 MiB
only the first MiB is looked at. Bytes that are no UTF-8 are taken one by one. An empty line is a review, too.
TENON_NUM_THREADS is the number of threads, in place of that of the cores.
)";

Options read_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    const auto value = [&]() -> std::string {
      if (i + 1 == argc) throw UsageError(std::string(name) + " needs a value");
      return argv[++i];
    };
    if (name == "--model") {
      options.model = value();
    } else if (name == "--tokenizer") {
      options.tokenizer = value();
    } else if (name == "--json") {
      options.json = true;
    } else if (name == "--batch") {
      options.batch = value();
    } else if (name == "--http") {
      options.http = value();
    } else if (name == "--help" || name == "-h") {
      options.help = true;
    } else {
      throw UsageError("there is no option " + std::string(name));
    }
  }
  if (options.help) return options;
  if (options.model.empty()) throw UsageError("--model FILE.safetensors is missing");
  if (options.tokenizer.empty()) throw UsageError("--tokenizer tokenizer.json is missing");
  if (options.batch && options.http) throw UsageError("--batch and --http exclude each other");
  if (options.json && options.http) throw UsageError("--http answers with JSON only, without --json");
  return options;
}

}  // namespace sentiment
