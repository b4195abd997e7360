// What the tests of files share: a folder of their own, and what a fault may throw.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include "tenon/ops/ops.h"

namespace tenon::testing {

// A folder that is empty at first and gone at last.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "tenon_io_XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  size_t entries() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(path_), {}));
  }

 private:
  std::filesystem::path path_;
};

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// Calls `read` with every way to cut `bytes` short and with `mutations` ways to change them; it may throw Errors only.
template <class Read>
void expect_errors_only(const std::string& bytes, int mutations, Read&& read) {
  const auto attempt = [&](const std::string& damaged, const std::string& what) {
    try {
      read(damaged);
    } catch (const Error&) {
    } catch (const std::exception& error) {
      ADD_FAILURE() << what << " ended in " << error.what();
    }
  };
  for (size_t length = 0; length < bytes.size(); ++length) {
    attempt(bytes.substr(0, length), "the first " + std::to_string(length) + " bytes");
  }
  std::mt19937 random(1);
  for (int i = 0; i < mutations; ++i) {
    std::string damaged = bytes;
    for (uint32_t changes = 1 + random() % 4; changes > 0; --changes) {
      const size_t place = random() % damaged.size();
      switch (random() % 4) {
        case 0: damaged[place] = static_cast<char>(random()); break;
        case 1: damaged[place] = static_cast<char>(damaged[place] ^ (1 << random() % 8)); break;
        case 2: damaged[place] = random() % 2 ? '\xff' : '\0'; break;
        default: damaged.erase(place, 1 + random() % 8); break;
      }
      if (damaged.empty()) break;
    }
    attempt(damaged, "mutation " + std::to_string(i));
  }
}

}  // namespace tenon::testing
