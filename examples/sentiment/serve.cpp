// Serves a trained sentiment model: one executable that needs nothing beside it but the two files that training writes.
#include <cstdio>
#include <exception>
#include <new>

#include "serve/answers.h"
#include "serve/http.h"
#include "serve/judge.h"
#include "serve/options.h"

namespace {

int serve(const sentiment::Options& options) {
  if (options.help) {
    std::fputs(sentiment::kHelp, stdout);
    return 0;
  }
  const sentiment::Judge judge(options.model, options.tokenizer);
  if (options.http) {
    sentiment::serve_http(judge, *options.http);
  } else if (options.batch) {
    sentiment::answer_file(judge, *options.batch, options.json);
  } else {
    sentiment::answer_lines(judge, options.json);
  }
  return 0;
}

int fail(int status, const char* why) {
  std::fprintf(stderr, "tenon-sentiment: %s\n", why);
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return serve(sentiment::read_options(argc, argv));
  } catch (const sentiment::UsageError& error) {
    return fail(2, (std::string(error.what()) + "; --help tells what there is").c_str());
  } catch (const std::bad_alloc&) {
    return fail(1, "there is not enough memory");
  } catch (const std::exception& error) {
    return fail(1, error.what());
  }
}
