// How hints become arguments; the hints themselves are in sample_hints.inc.
#include "samples.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <sstream>
#include <string_view>

#include "tenon/autograd/grad_mode.h"
#include "tenon/base/shape.h"

namespace tenon::testing {
namespace {

struct Hint {
  const char* op;
  const char* text;
};

const Hint kHints[] = {
#include "sample_hints.inc"
};

uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

double unit(uint64_t x) { return static_cast<double>(mix(x) >> 11) * 0x1p-53; }

double generic_value(uint64_t x) {
  double magnitude = 0.1 + 1.8 * unit(x);
  const double step = magnitude * 2 - static_cast<double>(static_cast<int64_t>(magnitude * 2 + 0.5));
  if (step > -0.02 && step < 0.02) magnitude += 0.03;
  return mix(~x) % 2 ? magnitude : -magnitude;
}

template <class T, class F>
Tensor generated(const std::vector<int64_t>& sizes, ScalarType dtype, F f) {
  NoGradGuard no_grad;
  Tensor tensor = empty(sizes, dtype_v<T>);
  T* data = tensor.data_ptr<T>();
  for (int64_t i = 0; i < tensor.numel(); ++i) data[i] = f(i);
  return tensor.to(dtype);
}

bool is_number(std::string_view token) { return token.find_first_of("0123456789") == (token.front() == '-' ? 1u : 0u); }

class Parser {
 public:
  Parser(SampleSize size, ScalarType dtype) : large_(size == SampleSize::Large), dtype_(dtype) {}

  // Whether the token may stand for the parameter.
  static bool fits(std::string_view token, const Param& param) {
    if (token == "_") return param.nullable;
    switch (param.kind) {
      case ParamKind::Tensor:
        return token.find_first_of("[") != token.npos && token.front() != '{' && token.front() != '\''
                   ? true
                   : token.starts_with("i(") || token.starts_with("v(");
      case ParamKind::Scalar:
      case ParamKind::Float: return is_number(token);
      case ParamKind::Int: return is_number(token) && token.find('.') == token.npos;
      case ParamKind::Bool: return token == "true" || token == "false";
      case ParamKind::IntList:
      case ParamKind::FloatList: return token.front() == '(';
      case ParamKind::TensorList: return token.front() == '{';
      case ParamKind::String: return token.front() == '\'';
      default: return false;
    }
  }

  Value value(std::string_view token, const Param& param) {
    if (token == "_") return std::monostate();
    switch (param.kind) {
      case ParamKind::Tensor: return tensor(token);
      case ParamKind::IntList: return ints(token.substr(1, token.size() - 2));
      case ParamKind::FloatList: return floats(token.substr(1, token.size() - 2));
      case ParamKind::TensorList: return tensors(token.substr(1, token.size() - 2));
      case ParamKind::String: return std::string(token.substr(1, token.size() - 2));
      case ParamKind::Bool: return Scalar(token == "true");
      default: return number(token);
    }
  }

  // What stands for a parameter that no token is given for.
  Value from_kind(const Param& param) {
    if (param.has_default) return param.default_value;
    if (param.nullable) return std::monostate();
    switch (param.kind) {
      case ParamKind::Tensor:
        return tensor("f[N,M]");
      case ParamKind::Scalar:
      case ParamKind::Float: return Scalar(0.7);
      case ParamKind::Int: return Scalar(int64_t{1});
      case ParamKind::Bool: return Scalar(false);
      case ParamKind::IntList: return std::vector<int64_t>{1};
      case ParamKind::FloatList: return std::vector<double>{1};
      case ParamKind::TensorList: return tensors("f[N,M];f[N,M]");
      case ParamKind::Dtype: return dtype_;
      case ParamKind::Device: return Device(kCPU);
      case ParamKind::MemoryFormat: return MemoryFormat::Contiguous;
      case ParamKind::Options: return TensorOptions();
      case ParamKind::Generator: return Generator(1);
      case ParamKind::String: break;
    }
    return std::string();
  }

 private:
  Scalar number(std::string_view token) const {
    if (token.find('.') != token.npos) return Scalar(std::stod(std::string(token)));
    int64_t value = 0;
    std::from_chars(token.data(), token.data() + token.size(), value);
    return Scalar(value);
  }

  // "3,N": N and M are the sizes that differ between small and large samples.
  std::vector<int64_t> ints(std::string_view list) const {
    std::vector<int64_t> values;
    while (!list.empty()) {
      const std::string_view one = list.substr(0, list.find(','));
      values.push_back(one == "N" ? (large_ ? 1501 : 3) : one == "M" ? (large_ ? 67 : 4) : number(one).to_int64());
      list.remove_prefix(std::min(list.size(), one.size() + 1));
    }
    return values;
  }

  std::vector<double> floats(std::string_view list) const {
    std::vector<double> values;
    while (!list.empty()) {
      const std::string_view one = list.substr(0, list.find(','));
      values.push_back(number(one).to_double());
      list.remove_prefix(std::min(list.size(), one.size() + 1));
    }
    return values;
  }

  std::vector<Tensor> tensors(std::string_view list) {
    std::vector<Tensor> values;
    while (!list.empty()) {
      const std::string_view one = list.substr(0, list.find(';'));
      values.push_back(tensor(one));
      list.remove_prefix(std::min(list.size(), one.size() + 1));
    }
    return values;
  }

  // The letters are listed at the top of sample_hints.inc.
  Tensor tensor(std::string_view token) {
    if (token.front() == '!') token.remove_prefix(1);
    const uint64_t seed = mix(++count_) << 20;
    const char letter = token.front();
    if (token[1] == '(') {
      const std::vector<int64_t> values = ints(token.substr(2, token.size() - 3));
      return generated<int64_t>({static_cast<int64_t>(values.size())}, letter == 'v' ? kInt : kLong,
                                [&](int64_t i) { return values[static_cast<size_t>(i)]; });
    }
    const size_t close = token.find(']');
    const std::vector<int64_t> sizes = ints(token.substr(2, close - 2));
    const auto at = [&](int64_t i) { return seed + static_cast<uint64_t>(i); };
    switch (letter) {
      case 'f':
        return generic_values(sizes, seed, dtype_);
      case 'p':
        return generated<double>(sizes, dtype_, [&](int64_t i) { return 0.15 + 0.7 * unit(at(i)); });
      case 'g':
        return generated<double>(sizes, dtype_, [&](int64_t i) { return 1.1 + 1.3 * unit(at(i)); });
      case 'o':
        return generated<double>(sizes, dtype_, [&](int64_t i) { return mix(at(i)) % 2 ? 1.0 : -1.0; });
      case 's':
        return generated<double>(sizes, dtype_, [&](int64_t i) {
          return -1.5 + 3 * (static_cast<double>(i) + 0.3) / static_cast<double>(sizes.back());
        });
      case 'c':
        return generated<std::complex<double>>(sizes, to_complex(dtype_), [&](int64_t i) {
          return std::complex<double>(generic_value(at(i)), generic_value(~at(i)));
        });
      case 'd':
        return generated<double>(sizes, dtype_, [&](int64_t i) {
          const int64_t n = sizes.back(), row = i / n % n, column = i % n;
          const int64_t mirrored = i / (n * n) * n * n + std::min(row, column) * n + std::max(row, column);
          return 0.3 * generic_value(at(mirrored)) + static_cast<double>(row == column ? n : 0);
        });
      case 'b':
        return generated<int64_t>(sizes, kBool, [&](int64_t i) { return static_cast<int64_t>(mix(at(i)) % 2); });
      case 'r':
        return generated<int64_t>(sizes, kLong, [&](int64_t i) { return (i + i / sizes.back()) % sizes.back(); });
      default: {
        const uint64_t bound = token.size() > close + 2 ? number(token.substr(close + 2)).to<uint64_t>() : 9;
        return generated<int64_t>(sizes, kLong, [&](int64_t i) { return static_cast<int64_t>(mix(at(i)) % bound); });
      }
    }
  }

  bool large_;
  ScalarType dtype_;
  uint64_t count_ = 0;
};

std::vector<std::string> tokens_of(const char* text) {
  std::istringstream in(text);
  std::vector<std::string> tokens;
  for (std::string token; in >> token;) tokens.push_back(token);
  return tokens;
}

bool fits(const std::vector<std::string>& tokens, const OpInfo& op) {
  if (tokens.size() > op.params.size()) return false;
  for (size_t i = 0; i < op.params.size(); ++i) {
    if (i < tokens.size() ? !Parser::fits(tokens[i], op.params[i]) : !op.params[i].has_default) return false;
  }
  return true;
}

bool has_hints(const std::string& name) {
  return std::any_of(std::begin(kHints), std::end(kHints), [&](const Hint& hint) { return name == hint.op; });
}

// In-place forms take the hints of the op that they are a form of, and ops of linalg those of their name, unless they
// have their own.
bool is_for(const Hint& hint, const OpInfo& op) {
  if (op.place == OpPlace::Linalg && has_hints("linalg." + op.name)) return "linalg." + op.name == hint.op;
  if (op.name == hint.op) return true;
  return op.place == OpPlace::Inplace && op.name.substr(0, op.name.size() - 1) == hint.op && !has_hints(op.name);
}

}  // namespace

std::vector<Sample> samples(const OpInfo& op, SampleSize size, ScalarType dtype) {
  std::vector<Sample> found;
  const auto add = [&](const char* text) {
    const std::vector<std::string> tokens = tokens_of(text);
    Parser parser(size, dtype);
    Sample sample{text, {}, {}};
    for (size_t i = 0; i < op.params.size(); ++i) {
      const Param& param = op.params[i];
      sample.args.push_back(i < tokens.size() ? parser.value(tokens[i], param) : parser.from_kind(param));
      sample.differentiable.push_back(i >= tokens.size() || tokens[i].front() != '!');
    }
    found.push_back(std::move(sample));
  };
  for (const Hint& hint : kHints) {
    if (is_for(hint, op) && fits(tokens_of(hint.text), op)) add(hint.text);
  }
  if (found.empty()) add("");
  return found;
}

std::vector<std::string> unused_hints() {
  std::vector<std::string> unused;
  for (const Hint& hint : kHints) {
    bool used = false;
    for (const OpInfo& op : op_registry()) used = used || (is_for(hint, op) && fits(tokens_of(hint.text), op));
    if (!used) unused.push_back(std::string(hint.op) + ": " + hint.text);
  }
  return unused;
}

Tensor generic_values(std::vector<int64_t> sizes, uint64_t seed, ScalarType dtype) {
  return generated<double>(sizes, dtype, [&](int64_t i) { return generic_value(seed + static_cast<uint64_t>(i)); });
}

std::vector<Value> map_tensors(const std::vector<Value>& args,
                               const std::function<Tensor(size_t arg, const Tensor&)>& visit) {
  std::vector<Value> mapped = args;
  for (size_t i = 0; i < mapped.size(); ++i) {
    if (auto* one = std::get_if<Tensor>(&mapped[i])) {
      *one = visit(i, *one);
    } else if (auto* list = std::get_if<std::vector<Tensor>>(&mapped[i])) {
      for (Tensor& tensor : *list) tensor = visit(i, tensor);
    }
  }
  return mapped;
}

std::vector<Tensor> tensors_of(const Value& result) {
  if (const auto* list = std::get_if<std::vector<Tensor>>(&result)) return *list;
  if (const auto* one = std::get_if<Tensor>(&result)) return {*one};
  if (const auto* number = std::get_if<Scalar>(&result)) return {scalar_tensor(*number, number->dtype(kDouble))};
  return {};
}

Value call(const OpInfo& op, const std::vector<Value>& args) {
  manual_seed(20);
  return op.call(args.data());
}

std::string describe(const OpInfo& op, const Sample& sample) {
  return op.signature() + (sample.text.empty() ? "" : " with " + sample.text);
}

}  // namespace tenon::testing
