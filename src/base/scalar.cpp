// Printing of scalars, as Python's repr() prints them.
#include "tenon/base/scalar.h"

#include <charconv>
#include <cmath>
#include <ostream>
#include <string>

namespace tenon {
namespace {

// The shortest digits that read back as `value`, exponents as Python writes them.
std::string shortest(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[32];
  const double magnitude = std::abs(value);
  const bool fixed = magnitude == 0 || (magnitude >= 1e-4 && magnitude < 1e16);
  auto format = fixed ? std::chars_format::fixed : std::chars_format::scientific;
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value, format).ptr};
}

std::string float_repr(double value) {
  std::string text = shortest(value);
  // "-12" needs ".0"; anything with another character (a point, an exponent, nan) does not.
  if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
  return text;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Scalar& scalar) {
  switch (scalar.kind()) {
    case Scalar::Kind::Bool:
      return out << (scalar.to<bool>() ? "True" : "False");
    case Scalar::Kind::Int:
      return out << scalar.to_int64();
    case Scalar::Kind::Unsigned:
      return out << scalar.to<uint64_t>();
    case Scalar::Kind::Float:
      return out << float_repr(scalar.to_double());
    case Scalar::Kind::Complex:
      break;
  }
  const auto value = scalar.to<std::complex<double>>();
  const std::string imag = shortest(value.imag());
  if (value.real() == 0 && !std::signbit(value.real())) return out << imag << 'j';
  return out << '(' << shortest(value.real()) << (imag.front() == '-' ? "" : "+") << imag << "j)";
}

}  // namespace tenon
