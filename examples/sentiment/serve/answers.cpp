// See answers.h.
#include "serve/answers.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <stdexcept>
#include <string_view>
#include <system_error>

namespace sentiment {
namespace {

constexpr size_t kWindow = 4096;

const char* label_of(const Answer& answer) { return answer.positive ? "positive" : "negative"; }

template <class... Values>
std::string format(const char* pattern, Values... values) {
  char text[96];
  return std::string(text, static_cast<size_t>(std::snprintf(text, sizeof(text), pattern, values...)));
}

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::write(descriptor, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EAGAIN) {
      wait_for(descriptor, POLLOUT);
      continue;
    }
    if (put < 0) throw std::system_error(errno, std::generic_category(), "cannot write");
    text.remove_prefix(static_cast<size_t>(put));
  }
}

void write_answers(const Judge& judge, const std::vector<std::string>& lines, bool json) {
  std::string text;
  const auto answers = judge.answer(std::vector<std::string_view>(lines.begin(), lines.end()));
  for (const Answer& answer : answers) {
    if (!answer.is_known()) break;
    text += json ? as_json(answer) : format("%s %.3f", label_of(answer), static_cast<double>(answer.probability));
    text += '\n';
  }
  write_all(STDOUT_FILENO, text);
  if (!std::ranges::all_of(answers, &Answer::is_known)) throw std::runtime_error(kUnknown);
}

bool says_end(const std::string& line) { return line == "q" || line == "exit" || line == "quit"; }

}  // namespace

std::string as_json(const Answer& answer) {
  return format(R"({"label": "%s", "probability": %.6f})", label_of(answer), static_cast<double>(answer.probability));
}

void answer_lines(const Judge& judge, bool json) {
  const bool prompts = ::isatty(STDIN_FILENO) != 0;
  LineReader reader(STDIN_FILENO);
  std::vector<std::string> lines;
  const auto prompt = [&] {
    if (prompts) write_all(STDERR_FILENO, "> ");
  };
  prompt();
  // What has arrived is answered before more is waited for.
  while (reader.next(lines, 1)) {
    const auto end = std::find_if(lines.begin(), lines.end(), says_end);
    const bool ends = end != lines.end();
    lines.erase(end, lines.end());
    write_answers(judge, lines, json);
    if (ends) return;
    prompt();
  }
  if (prompts) write_all(STDERR_FILENO, "\n");
}

void answer_file(const Judge& judge, const std::string& path, bool json) {
  const InputFile file(path);
  LineReader reader(file.descriptor());
  std::vector<std::string> lines;
  while (reader.next(lines, kWindow)) write_answers(judge, lines, json);
}

}  // namespace sentiment
