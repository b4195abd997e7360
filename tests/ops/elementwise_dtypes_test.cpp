// Every line of the elementwise table runs on the dtypes that it claims, and raises a typed error on the others.
#include "helpers.h"
#include "ops/elementwise.h"
#include "tenon/ops/registry.h"

namespace tenon::testing {
namespace {

struct Line {
  const char* name;
  expr::Rule rule;
  unsigned dtypes;
};

using namespace expr;

const Line kLines[] = {
#define TENON_EW1(name, rule, dtypes, ...) {#name, Rule::rule, dtypes},
#define TENON_EW2 TENON_EW1
#define TENON_SPECIAL1 TENON_EW1
#define TENON_SPECIAL2 TENON_EW1
#include "tenon/table/elementwise.inc"
};

ScalarType result_of(Rule rule, ScalarType computed) {
  return rule == Rule::BOOL ? kBool : rule == Rule::REAL ? to_real(computed) : computed;
}

TEST(ElementwiseTable, RunsOnTheDtypesItClaimsAndRaisesOnOthers) {
  size_t checked = 0;
  for (const Line& line : kLines) {
    for (const OpInfo& op : op_registry()) {
      if (!op.elementwise || op.name != line.name) continue;
      for (int d = 0; d < kDtypeCount; ++d) {
        const auto dtype = static_cast<ScalarType>(d);
        const ScalarType computed =
            line.rule == Rule::FLOAT && is_integral(dtype, true) ? get_default_dtype() : dtype;
        std::vector<Value> args;
        for (const Param& param : op.params) {
          args.push_back(param.kind == ParamKind::Tensor ? Value(ones({2, 3}, dtype))
                         : param.has_default             ? param.default_value
                                                         : Value(Scalar(true)));
        }
        SCOPED_TRACE(op.signature() + " on " + dtype_name(dtype));
        ++checked;
        if (contains(line.dtypes, computed)) {
          EXPECT_NO_THROW(EXPECT_EQ(std::get<Tensor>(op.call(args.data())).dtype(), result_of(line.rule, computed)));
        } else {
          EXPECT_THROW(op.call(args.data()), Error);
        }
      }
    }
  }
  EXPECT_GT(checked, 1000u);
}

}  // namespace
}  // namespace tenon::testing
