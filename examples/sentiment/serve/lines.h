// Lines of a file, a pipe or a terminal, read in bounded memory.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace sentiment {

// Waits until a descriptor that does not wait by itself is ready for events, POLLIN or POLLOUT.
void wait_for(int descriptor, short events);

// A file descriptor that closes itself, unless it is the standard input.
class InputFile {
 public:
  // "-" is the standard input.
  explicit InputFile(const std::string& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

class LineReader {
 public:
  // Of a longer line only the beginning is kept.
  static constexpr size_t kLongestLine = 1 << 20;

  explicit LineReader(int descriptor) : descriptor_(descriptor), buffer_(kChunk) {}

  // Waits for at least `wanted` lines, or fewer where they are long, and takes all that have arrived; without their
  // ends, which are LF or CR LF. False after the last line.
  bool next(std::vector<std::string>& lines, size_t wanted);

 private:
  static constexpr size_t kChunk = 1 << 16;
  static constexpr size_t kMostBytes = 8 << 20;

  void take(const char* data, size_t size, std::vector<std::string>& lines);
  void finish_line(std::vector<std::string>& lines);

  int descriptor_;
  std::vector<char> buffer_;
  std::string line_;  // the one that has begun
  bool began_ = false, ends_in_cr_ = false, ended_ = false;
  size_t bytes_ = 0;  // of the lines being gathered
};

}  // namespace sentiment
