// Tensors in C++ streams: columns of numbers, and below them the tensor's kind and sizes, as libtorch writes them.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <iomanip>
#include <limits>
#include <ostream>
#include <string>
#include <vector>

#include "tenon/tensor/tensor.h"

namespace tenon {
namespace {

constexpr int64_t kLineWidth = 80;

// How the numbers of one matrix are written, beside what the stream's flags say.
struct Notation {
  double scale = 1;  // by which all of them are divided
  int width = 0;
};

// How many digits a number has before its point; 0 and less where it begins behind it, but 1 for zero.
int magnitude(double value) { return value == 0 ? 1 : static_cast<int>(std::floor(std::log10(value))) + 1; }

Notation choose_notation(std::ostream& out, const double* values, int64_t count) {
  bool whole = true;
  double smallest = std::numeric_limits<double>::infinity(), largest = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (!std::isfinite(values[i])) continue;
    whole = whole && values[i] == std::ceil(values[i]);
    smallest = std::min(smallest, std::abs(values[i]));
    largest = std::max(largest, std::abs(values[i]));
  }
  const int least = magnitude(std::isfinite(smallest) ? smallest : 1), most = magnitude(largest);
  if (whole && most <= 9) {
    out << std::defaultfloat << std::setprecision(6);
    return {1, most + 1};
  }
  out << std::setprecision(4);
  if (whole || most - least > 4) {
    out << std::scientific;
    return {1, !whole && (std::abs(most) > 99 || std::abs(least) > 99) ? 12 : 11};
  }
  out << std::fixed;
  if (most > 5 || most < 0) return {std::pow(10, most - 1), 7};
  return {1, most == 0 ? 7 : most + 6};
}

// The fewest digits that tell a number from all others.
std::string shortest(double value) {
  if (!std::isfinite(value)) return std::isnan(value) ? "nan" : value < 0 ? "-inf" : "inf";
  const bool plain = value == 0 || (std::abs(value) >= 1e-4 && std::abs(value) < 1e16);
  char text[32];
  const auto format = plain ? std::chars_format::fixed : std::chars_format::scientific;
  return {text, std::to_chars(text, text + sizeof(text), value, format).ptr};
}

void write_scale(std::ostream& out, double scale) { out << shortest(scale) << " *\n"; }

void write_column(std::ostream& out, const double* values, int64_t count) {
  if (count == 0) return;
  const Notation notation = choose_notation(out, values, count);
  if (notation.scale != 1) write_scale(out, notation.scale);
  for (int64_t i = 0; i < count; ++i) out << std::setw(notation.width) << values[i] / notation.scale << '\n';
}

// As many columns at a time as a line has room for.
void write_matrix(std::ostream& out, const double* values, int64_t rows, int64_t columns, int64_t indent) {
  const Notation notation = choose_notation(out, values, rows * columns);
  const std::string margin(static_cast<size_t>(indent), ' ');
  const int64_t per_line = std::max<int64_t>((kLineWidth - indent) / (notation.width + 1), 1);
  for (int64_t first = 0; first < columns; first += per_line) {
    const int64_t end = std::min(first + per_line, columns);
    if (per_line < columns) {
      if (first > 0) out << '\n';
      out << "Columns " << first + 1 << " to " << end << margin;
    }
    if (notation.scale != 1) {
      write_scale(out, notation.scale);
      out << margin;
    }
    for (int64_t row = 0; row < rows; ++row) {
      if (row > 0) out << margin << (notation.scale != 1 ? " " : "");
      for (int64_t column = first; column < end; ++column) {
        out << std::setw(notation.width) << values[row * columns + column] / notation.scale
            << (column + 1 < end ? ' ' : '\n');
      }
    }
  }
}

// The matrices of the last two dims, each under its position in the dims before them, the first of which goes fastest.
void write_matrices(std::ostream& out, const double* values, IntArrayRef sizes) {
  const size_t dims = sizes.size() - 2;
  const int64_t rows = sizes[dims], columns = sizes[dims + 1];
  std::vector<int64_t> at(dims, 0);
  for (size_t moved = 0; moved < dims;) {
    int64_t position = 0;
    out << '(';
    for (size_t d = 0; d < dims; ++d) {
      position = position * sizes[d] + at[d];
      out << at[d] + 1 << ',';
    }
    out << ".,.) = \n";
    write_matrix(out, values + position * rows * columns, rows, columns, 1);
    for (moved = 0; moved < dims && ++at[moved] == sizes[moved]; ++moved) at[moved] = 0;
    if (moved < dims) out << '\n';
  }
}

}  // namespace

std::string Tensor::toString() const {
  static constexpr const char* kNames[] = {
#define TENON_DTYPE_NAME(type, name, python) #name,
      TENON_FORALL_DTYPES(TENON_DTYPE_NAME)
#undef TENON_DTYPE_NAME
  };
  return concat(is_cpu() ? "CPU" : "CUDA", kNames[static_cast<size_t>(dtype())], "Type");
}

std::ostream& operator<<(std::ostream& out, const Tensor& tensor) {
  if (!tensor.defined()) return out << "[ Tensor (undefined) ]";
  const Tensor on_host = tensor.detach().to(Device(kCPU), kDouble).contiguous();
  const double* values = on_host.data_ptr<double>();
  const IntArrayRef sizes = tensor.sizes();
  std::ios format(nullptr);
  format.copyfmt(out);
  if (sizes.empty()) {
    out << shortest(values[0]) << '\n';
  } else if (sizes.size() == 1) {
    write_column(out, values, sizes[0]);
  } else if (tensor.numel() > 0) {
    sizes.size() == 2 ? write_matrix(out, values, sizes[0], sizes[1], 0) : write_matrices(out, values, sizes);
  }
  out.copyfmt(format);
  out << "[ " << tensor.toString() << '{';
  for (size_t d = 0; d < sizes.size(); ++d) out << (d > 0 ? "," : "") << sizes[d];
  return out << "} ]";
}

}  // namespace tenon
