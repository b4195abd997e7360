// The choice of the instruction set.
#include "backend/cpu/isa.h"

#include <gtest/gtest.h>

#include "tenon/base/error.h"

namespace tenon::cpu {
namespace {

TEST(Isa, TakesAnyThatTheMachineHasAndRefusesOthers) {
  const Isa before = isa();
  for (Isa candidate : {Isa::Baseline, Isa::Avx2, Isa::Avx512}) {
    if (candidate <= best_isa()) {
      set_isa(candidate);
      EXPECT_EQ(isa(), candidate);
    } else {
      EXPECT_THROW(set_isa(candidate), ValueError);
    }
  }
  set_isa(before);
}

TEST(Isa, HasTheNamesThatTheEnvironmentVariableTakes) {
  EXPECT_STREQ(isa_name(Isa::Baseline), "baseline");
  EXPECT_STREQ(isa_name(Isa::Avx2), "avx2");
  EXPECT_STREQ(isa_name(Isa::Avx512), "avx512");
}

}  // namespace
}  // namespace tenon::cpu
