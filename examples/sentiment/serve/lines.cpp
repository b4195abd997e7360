// See lines.h.
#include "serve/lines.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace sentiment {

void wait_for(int descriptor, short events) {
  pollfd waited{.fd = descriptor, .events = events, .revents = 0};
  ::poll(&waited, 1, -1);
}

InputFile::InputFile(const std::string& path)
    : descriptor_(path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "cannot open " + path);
}

InputFile::~InputFile() {
  if (descriptor_ != STDIN_FILENO) ::close(descriptor_);
}

bool LineReader::next(std::vector<std::string>& lines, size_t wanted) {
  lines.clear();
  bytes_ = 0;
  while (!ended_ && lines.size() < wanted && bytes_ < kMostBytes) {
    const ssize_t got = ::read(descriptor_, buffer_.data(), buffer_.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) {
      wait_for(descriptor_, POLLIN);
      continue;
    }
    if (got < 0) throw std::system_error(errno, std::generic_category(), "cannot read");
    if (got > 0) {
      take(buffer_.data(), static_cast<size_t>(got), lines);
    } else {
      ended_ = true;
      if (began_) finish_line(lines);
    }
  }
  return !lines.empty();
}

void LineReader::take(const char* data, size_t size, std::vector<std::string>& lines) {
  for (const char* const end = data + size; data < end;) {
    const auto* const stop = static_cast<const char*>(std::memchr(data, '\n', static_cast<size_t>(end - data)));
    const auto length = static_cast<size_t>((stop ? stop : end) - data);
    if (length > 0) ends_in_cr_ = data[length - 1] == '\r';
    line_.append(data, std::min(length, kLongestLine - line_.size()));
    began_ = true;
    if (!stop) return;
    finish_line(lines);
    data = stop + 1;
  }
}

void LineReader::finish_line(std::vector<std::string>& lines) {
  if (ends_in_cr_ && line_.ends_with('\r')) line_.pop_back();
  bytes_ += line_.size();
  lines.push_back(std::move(line_));
  line_.clear();
  began_ = ends_in_cr_ = false;
}

}  // namespace sentiment
