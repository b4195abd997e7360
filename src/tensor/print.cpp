// Tensors as text: the same characters that Python's PyTorch prints. Reads elements through plain strides; needs no
// ops.
#include "tenon/tensor/print.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <mutex>
#include <vector>

#include "tenon/base/dim_vector.h"
#include "tenon/base/error.h"

namespace tenon {
namespace {

std::mutex options_mutex;
PrintOptions current_options;

// The longest double in plain notation has 309 digits before its point.
constexpr size_t kLongestInteger = 320;
constexpr int64_t kMaxPrecision = 1100;

std::string digits(double value, std::chars_format format, int64_t precision) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::string text(kLongestInteger + static_cast<size_t>(precision), '\0');
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value, format, static_cast<int>(precision));
  text.resize(static_cast<size_t>(end.ptr - text.data()));
  return text;
}

// How all numbers of one tensor (or of its real or imaginary parts) are written: a notation, and a width to align to.
class Notation {
 public:
  Notation(const std::vector<double>& values, const PrintOptions& options) : precision_(options.precision) {
    double smallest = std::numeric_limits<double>::infinity(), largest = 0;
    bool whole = true;
    for (double value : values) {
      if (!counts(value)) continue;
      smallest = std::min(smallest, std::abs(value));
      largest = std::max(largest, std::abs(value));
      whole = whole && value == std::ceil(value);
    }
    if (largest == 0) return;
    const bool wide = largest / smallest > 1000.0 || largest > 1.0e8 || smallest < 1.0e-4;
    style_ = options.sci_mode.value_or(wide) ? Style::Scientific : whole ? Style::Whole : Style::Fixed;
    for (double value : values) {
      if (counts(value)) width_ = std::max(width_, text(value).size());
    }
  }

  size_t width() const { return width_; }
  std::string operator()(double value) const {
    std::string result = text(value);
    if (result.size() < width_) result.insert(0, width_ - result.size(), ' ');
    return result;
  }

 private:
  enum class Style { Whole, Fixed, Scientific };

  // Zeros, infinities and NaN have no say in the notation.
  static bool counts(double value) { return std::isfinite(value) && value != 0; }

  std::string text(double value) const {
    switch (style_) {
      case Style::Scientific:
        return digits(value, std::chars_format::scientific, precision_);
      case Style::Fixed:
        return digits(value, std::chars_format::fixed, precision_);
      case Style::Whole:
        break;
    }
    return digits(value, std::chars_format::fixed, 0) + (std::isfinite(value) ? "." : "");
  }

  int64_t precision_;
  Style style_ = Style::Whole;
  size_t width_ = 1;
};

// The positions of one dim that are printed: all of them, or the ends with a gap between.
struct Shown {
  int64_t count;
  int64_t gap = -1;    // which of them is the gap
  int64_t skipped = 0; // how many positions the gap stands for, less one

  Shown(int64_t size, bool summarize, int64_t edgeitems) : count(size) {
    if (!summarize || size <= 2 * edgeitems) return;
    count = 2 * edgeitems + 1;
    gap = edgeitems;
    skipped = size - count;
  }
  bool is_gap(int64_t i) const { return i == gap; }
  int64_t position(int64_t i) const { return gap >= 0 && i > gap ? i + skipped : i; }
};

class Printer {
 public:
  Printer(const Tensor& tensor, const PrintOptions& options) : tensor_(tensor), options_(options) {
    const bool summarize = static_cast<double>(tensor.numel()) > options.threshold;
    for (int64_t size : tensor.sizes()) shown_.emplace_back(size, summarize, options.edgeitems);
    visit_dtype(tensor.dtype(), [&](auto zero) { format<decltype(zero)>(); });
  }

  // Everything between "tensor(" and the suffixes, whose lines after the first are indented.
  std::string contents(size_t indent) {
    if (shown_.empty()) return next();
    std::string out;
    std::vector<int64_t> at(shown_.size(), 0);
    const size_t last = shown_.size() - 1;
    size_t d = 0;
    // Goes down to the rows and back up without recursion: the number of dims has no bound.
    for (;;) {
      if (d == last) {
        row(out, indent + d);
      } else if (at[d] < shown_[d].count) {
        if (at[d] == 0) out += '[';
        if (at[d] > 0) out.append(",").append(last - d, '\n').append(indent + d + 1, ' ');
        if (!shown_[d].is_gap(at[d]++)) {
          at[++d] = 0;
          continue;
        }
        out += "...";
        continue;
      } else {
        out += ']';
      }
      if (d-- == 0) return out;
    }
  }

 private:
  // Texts of all shown elements, in order.
  template <class T>
  void format() {
    if constexpr (dtype_v<T> == kComplexFloat || dtype_v<T> == kComplexDouble) {
      std::vector<double> real, imag;
      visit<T>([&](T value) {
        real.push_back(static_cast<double>(value.real()));
        imag.push_back(static_cast<double>(value.imag()));
      });
      const Notation write_real(real, options_), write_imag(imag, options_);
      for (size_t i = 0; i < real.size(); ++i) texts_.push_back(complex_text(write_real(real[i]), write_imag(imag[i])));
      width_ = write_real.width() + write_imag.width() + 1;
    } else if constexpr (is_floating_point(dtype_v<T>)) {
      std::vector<double> values;
      visit<T>([&](T value) { values.push_back(static_cast<double>(value)); });
      const Notation write(values, options_);
      for (double value : values) texts_.push_back(write(value));
      width_ = write.width();
    } else {
      visit<T>([&](T value) {
        texts_.push_back(dtype_v<T> == kBool ? (value ? "True" : "False") : std::to_string(value));
        width_ = std::max(width_, texts_.back().size());
      });
      for (std::string& text : texts_) text.insert(0, width_ - text.size(), ' ');
    }
  }

  static std::string complex_text(const std::string& real, const std::string& imag) {
    const std::string part = imag.substr(imag.find_first_not_of(' '));
    return real + (part.front() == '-' ? "" : "+") + part + "j";
  }

  // Calls f with each shown element, in order.
  template <class T, class F>
  void visit(F f) const {
    const T* data = static_cast<const T*>(tensor_.data_ptr());
    const size_t dims = shown_.size();
    std::vector<int64_t> at(dims, 0);
    for (const Shown& shown : shown_) {
      if (shown.count == 1 && shown.gap == 0) return;
    }
    for (;;) {
      int64_t offset = 0;
      bool in_gap = false;
      for (size_t d = 0; d < dims; ++d) {
        in_gap = in_gap || shown_[d].is_gap(at[d]);
        offset += shown_[d].position(at[d]) * tensor_.strides()[d];
      }
      if (!in_gap) f(data[offset]);
      size_t d = dims;
      while (d > 0 && ++at[d - 1] == shown_[d - 1].count) at[--d] = 0;
      if (d == 0) return;
    }
  }

  std::string next() { return std::move(texts_[next_++]); }

  void row(std::string& out, size_t indent) {
    const Shown& shown = shown_.back();
    const auto room = std::max<int64_t>(options_.linewidth - static_cast<int64_t>(indent), 0);
    const int64_t per_line = std::max<int64_t>(room / static_cast<int64_t>(width_ + 2), 1);
    out += '[';
    for (int64_t i = 0; i < shown.count; ++i) {
      if (i > 0 && i % per_line == 0) out.append(",\n").append(indent + 1, ' ');
      if (i > 0 && i % per_line != 0) out += ", ";
      if (shown.is_gap(i)) {
        out += options_.edgeitems == 0 ? "..." : " ...";
      } else {
        out += next();
      }
    }
    out += ']';
  }

  const Tensor& tensor_;
  const PrintOptions& options_;
  std::vector<Shown> shown_;
  std::vector<std::string> texts_;
  size_t width_ = 1;
  size_t next_ = 0;
};

// A shape as Python writes a tuple.
std::string tuple_text(IntArrayRef sizes) {
  std::string text = "(";
  for (size_t i = 0; i < sizes.size(); ++i) text.append(i ? ", " : "").append(std::to_string(sizes[i]));
  return text + (sizes.size() == 1 ? ",)" : ")");
}

// Whether a reader infers the dtype from the numbers.
bool is_default(ScalarType dtype) {
  return dtype == get_default_dtype() || dtype == to_complex(get_default_dtype()) || dtype == kLong || dtype == kBool;
}

std::vector<std::string> suffixes(const Tensor& tensor, const PrintOptions& options) {
  std::vector<std::string> list;
  const bool empty = tensor.numel() == 0;
  if (!tensor.is_cpu()) list.push_back(concat("device='", tensor.device(), "'"));
  if (empty ? tensor.dim() != 1 : options.edgeitems == 0) list.push_back("size=" + tuple_text(tensor.sizes()));
  if (empty ? tensor.dtype() != get_default_dtype() : !is_default(tensor.dtype())) {
    list.push_back(concat("dtype=torch.", tensor.dtype()));
  }
  const std::string grad_fn = grad_fn_name(tensor);
  if (!grad_fn.empty()) {
    list.push_back("grad_fn=<" + grad_fn + ">");
  } else if (tensor.requires_grad()) {
    list.push_back("requires_grad=True");
  }
  return list;
}

}  // namespace

PrintOptions get_printoptions() {
  std::lock_guard lock(options_mutex);
  return current_options;
}

void set_printoptions(optional<int64_t> precision, optional<double> threshold, optional<int64_t> edgeitems,
                      optional<int64_t> linewidth, optional<std::string_view> profile, optional<bool> sci_mode) {
  PrintOptions options = get_printoptions();
  if (profile) {
    options = {};
    if (*profile == "short") {
      options.precision = options.edgeitems = 2;
    } else if (*profile == "full") {
      options.threshold = std::numeric_limits<double>::infinity();
    } else {
      TENON_CHECK_VALUE(*profile == "default", "set_printoptions: profile must be 'default', 'short' or 'full', got '",
                        *profile, "'");
    }
  }
  options.precision = precision.value_or(options.precision);
  options.threshold = threshold.value_or(options.threshold);
  options.edgeitems = edgeitems.value_or(options.edgeitems);
  options.linewidth = linewidth.value_or(options.linewidth);
  options.sci_mode = sci_mode;
  TENON_CHECK_VALUE(options.precision >= 0 && options.precision <= kMaxPrecision,
                    "set_printoptions: precision must be from 0 to ", kMaxPrecision, ", got ", options.precision);
  TENON_CHECK_VALUE(!std::isnan(options.threshold), "set_printoptions: threshold must be a number, got nan");
  TENON_CHECK_VALUE(options.edgeitems >= 0 && options.edgeitems <= INT32_MAX,
                    "set_printoptions: edgeitems must be from 0 to ", INT32_MAX, ", got ", options.edgeitems);
  TENON_CHECK_VALUE(options.linewidth >= 0, "set_printoptions: linewidth must not be negative, got ",
                    options.linewidth);
  std::lock_guard lock(options_mutex);
  current_options = options;
}

std::string repr(const Tensor& tensor, std::string_view type_name) {
  TENON_CHECK(tensor.defined(), "repr: the tensor is undefined");
  const PrintOptions options = get_printoptions();
  std::string out(type_name);
  out += '(';
  const size_t indent = out.size();
  if (tensor.numel() == 0) {
    out += "[]";
  } else {
    const Tensor on_host = tensor.is_cpu() ? tensor : tensor.detach().cpu();
    out += Printer(on_host, options).contents(indent);
  }
  // PyTorch counts one character more than the last line has, and two more where it is the only one.
  const size_t newline = out.rfind('\n');
  size_t line = newline == std::string::npos ? out.size() + 2 : out.size() - newline + 1;
  for (const std::string& suffix : suffixes(tensor, options)) {
    if (static_cast<int64_t>(line + suffix.size() + 2) > options.linewidth) {
      out.append(",\n").append(indent, ' ').append(suffix);
      line = indent + suffix.size();
    } else {
      out.append(", ").append(suffix);
      line += suffix.size() + 2;
    }
  }
  return out + ")";
}

}  // namespace tenon
