// The environment: what is read and how nonsense is answered.
#include "base/config.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <optional>
#include <string>

#include "base/log.h"
#include "tenon/base/error.h"

namespace tenon {
namespace {

class Config : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"TENON_NUM_THREADS", "TENON_LOG_LEVEL", "TENON_CUDA_DEVICE", "TENON_CPU_ISA"}) {
      const char* value = std::getenv(name);
      saved_[name] = value ? std::optional<std::string>(value) : std::nullopt;
    }
  }
  void TearDown() override {
    for (const auto& [name, value] : saved_) {
      value ? setenv(name.c_str(), value->c_str(), 1) : unsetenv(name.c_str());
    }
  }

 private:
  std::map<std::string, std::optional<std::string>> saved_;
};

TEST_F(Config, ReadsNumbersAndChoices) {
  setenv("TENON_NUM_THREADS", "3", 1);
  setenv("TENON_CPU_ISA", "avx2", 1);
  setenv("TENON_LOG_LEVEL", "error", 1);
  EXPECT_EQ(config::num_threads(), 3);
  EXPECT_EQ(config::cpu_isa(), 1);
  EXPECT_EQ(config::log_level(), 3);
}

TEST_F(Config, TakesAbsentAndEmptyAsUnset) {
  unsetenv("TENON_NUM_THREADS");
  setenv("TENON_CUDA_DEVICE", "", 1);
  EXPECT_EQ(config::num_threads(), std::nullopt);
  EXPECT_EQ(config::cuda_device(), std::nullopt);
}

TEST_F(Config, AnswersNonsenseWithTheVariableItsValueAndWhatIsValid) {
  for (const char* text : {"0", "-1", "two", "2x", "99999999999999999999", "1025"}) {
    setenv("TENON_NUM_THREADS", text, 1);
    try {
      config::num_threads();
      ADD_FAILURE() << text;
    } catch (const ValueError& error) {
      EXPECT_EQ(std::string(error.what()),
                "TENON_NUM_THREADS: expected an integer from 1 to 1024, got '" + std::string(text) + "'");
    }
  }
  setenv("TENON_CPU_ISA", "sse9", 1);
  EXPECT_THROW(config::cpu_isa(), ValueError);
}

TEST(Log, ShowsMessagesFromItsLevelUpwards) {
  set_log_level(LogLevel::Warning);
  testing::internal::CaptureStderr();
  log(LogLevel::Info, "hidden");
  log(LogLevel::Error, "seen ", 42);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "[tenon error] seen 42\n");
}

}  // namespace
}  // namespace tenon
