// Files that appear whole or not at all: what is left when writing fails, is killed, or is done twice at once.
#include "io/atomic_file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <thread>

#include "helpers.h"
#include "tenon/io/checkpoint.h"
#include "tenon/io/error.h"
#include "tenon/io/safetensors.h"

namespace tenon::testing {
namespace {

void put(const std::string& path, const std::string& bytes) {
  io::AtomicFile file(path);
  file.write(bytes.data(), bytes.size());
  file.commit();
}

// Runs `body` in a process of its own; it ends with 0 unless `body` throws.
template <class Body>
pid_t start(Body&& body) {
  const pid_t process = ::fork();
  if (process == 0) {
    try {
      body();
    } catch (const std::exception&) {
      ::_exit(1);
    }
    ::_exit(0);
  }
  return process;
}

int wait_for(pid_t process) {
  int status = 0;
  ::waitpid(process, &status, 0);
  return status;
}

TEST(AtomicFile, AppearsWhenItIsCommitted) {
  const TemporaryFolder folder;
  put(folder / "a", "old");
  {
    io::AtomicFile file(folder / "a");
    const std::string large(5 << 20, 'x');
    file.write(large.data(), large.size());
    EXPECT_EQ(read_file(folder / "a"), "old");
  }
  EXPECT_EQ(read_file(folder / "a"), "old");
  EXPECT_EQ(folder.entries(), 1u);
  put(folder / "a", "new");
  EXPECT_EQ(read_file(folder / "a"), "new");
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(AtomicFile, KeepsTheModeOfWhatItReplacesAndWritesThroughLinks) {
  const TemporaryFolder folder;
  put(folder / "a", "old");
  ::chmod((folder / "a").c_str(), 0640);
  std::filesystem::create_symlink(folder / "a", folder / "link");
  put(folder / "link", "new");
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
  EXPECT_EQ(read_file(folder / "a"), "new");
  struct stat status;
  ::stat((folder / "a").c_str(), &status);
  EXPECT_EQ(status.st_mode & 07777, 0640u);
}

TEST(AtomicFile, WritesDevicesInPlace) { put("/dev/null", "gone"); }

TEST(AtomicFile, NamesWhatCannotBeWritten) {
  const TemporaryFolder folder;
  try {
    put(folder / "none/a", "x");
    FAIL() << "a file in a folder that is not there";
  } catch (const io::FileError& error) {
    EXPECT_EQ(error.code(), ENOENT);
    EXPECT_NE(std::string(error.what()).find("none/a"), std::string::npos);
  }
  EXPECT_THROW(put(folder / "", "x"), io::FileError);
}

TEST(AtomicFile, AFullDiskLeavesTheOldFile) {
  const TemporaryFolder folder;
  const std::string path = folder / "a.safetensors";
  io::save_safetensors(path, {{"x", full({10}, 1)}});
  const pid_t process = start([&] {
    // The limit stands for the end of the disk.
    const rlimit limit{100000, 100000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    std::signal(SIGXFSZ, SIG_IGN);
    io::save_safetensors(path, {{"x", full({1000000}, 2)}});
  });
  EXPECT_EQ(WEXITSTATUS(wait_for(process)), 1);
  EXPECT_EQ(folder.entries(), 1u);
  EXPECT_EQ(io::load_safetensors(path).at("x").sum().item<float>(), 10);
}

TEST(AtomicFile, AKilledWriterLeavesTheOldFile) {
  const TemporaryFolder folder;
  const std::string path = folder / "a.pt";
  io::save_checkpoint(path, full({100000}, 0));
  for (int i = 0; i < 20; ++i) {
    const pid_t process = start([&] {
      for (int n = 1;; ++n) io::save_checkpoint(path, full({100000}, n));
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(5 + 3 * i));
    ::kill(process, SIGKILL);
    EXPECT_TRUE(WIFSIGNALED(wait_for(process)));
    const Tensor found = io::load_checkpoint(path).to_tensor();
    EXPECT_EQ(found.min().item<float>(), found.max().item<float>());
  }
}

TEST(AtomicFile, OfTwoWritersOneWins) {
  const TemporaryFolder folder;
  const std::string path = folder / "a.pt";
  const auto write = [&](float value) {
    for (int i = 0; i < 20; ++i) io::save_checkpoint(path, full({50000}, value));
  };
  const pid_t first = start([&] { write(1); }), second = start([&] { write(2); });
  std::thread third([&] { write(3); });
  write(4);
  third.join();
  EXPECT_EQ(wait_for(first), 0);
  EXPECT_EQ(wait_for(second), 0);
  const Tensor found = io::load_checkpoint(path).to_tensor();
  EXPECT_EQ(found.min().item<float>(), found.max().item<float>());
  EXPECT_EQ(folder.entries(), 1u);
}

}  // namespace
}  // namespace tenon::testing
