// Uses an installed Tenon as any program would: tensors, a gradient, an error, and text.
#include <tenon/tenon.h>

#include <iostream>
#include <sstream>

namespace {

bool expect(bool condition, const char* what) {
  if (!condition) std::cerr << "failed: " << what << '\n';
  return condition;
}

bool catches_typed_errors(const tenon::Tensor& x) {
  try {
    x.view({3});
  } catch (const tenon::TensorError&) {
    return true;
  }
  return false;
}

}  // namespace

int main() {
  const tenon::Tensor x = tenon::arange(4, tenon::kFloat).reshape({2, 2}).requires_grad_();
  const tenon::Tensor y = (x * x).sum();
  y.backward();
  std::ostringstream text;
  text << y;

  bool passed = expect(y.item<float>() == 14, "the sum of squares");
  passed &= expect((x.grad() - 2 * x.detach()).abs().sum().item<float>() == 0, "its gradient");
  passed &= expect(text.str() == "14\n[ CPUFloatType{} ]", "its text");
  passed &= expect(catches_typed_errors(x), "errors are caught by type");
  if (passed) std::cout << "Tenon works: " << y << '\n';
  return passed ? 0 : 1;
}
