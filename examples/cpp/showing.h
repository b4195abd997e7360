// What the training examples show: progress while they work, and their losses as a picture.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

// A line on the terminal that says how far a loop is; it goes away with the loop.
class Progress {
 public:
  Progress(std::string label, int64_t count) : label_(std::move(label)), count_(count) {}
  ~Progress() { std::fputs("\r\x1b[K", stderr); }
  void step() { std::fprintf(stderr, "\r%s: %lld of %lld", label_.c_str(), ++done_, static_cast<long long>(count_)); }

 private:
  std::string label_;
  int64_t count_;
  long long done_ = 0;
};

// A line on the terminal that says how far a long work is, how fast it goes, and how long it still takes.
class Pace {
 public:
  Pace(int64_t count, std::string unit) : count_(count), unit_(std::move(unit)) {}
  void add(int64_t more) { done_ += more; }
  // What is being done, as printf() takes it.
  template <class... Args>
  void show(const char* what, Args... args) const {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start_;
    const double rate = static_cast<double>(done_) / passed.count();
    const long long left = std::llround(static_cast<double>(count_ - done_) / rate);
    std::fputs("\r\x1b[K", stderr);
    std::fprintf(stderr, what, args...);
    std::fprintf(stderr, "   %.0f %s a second   %lld:%02lld left", rate, unit_.c_str(), left / 60, left % 60);
  }
  void clear() const { std::fputs("\r\x1b[K", stderr); }

 private:
  int64_t count_, done_ = 0;
  std::string unit_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// Draws curves with their names against their steps as an SVG.
inline void save_curves(const std::string& path, const std::string& title,
                        const std::vector<std::pair<std::string, std::vector<double>>>& curves) {
  const char* const colours[] = {"#1f77b4", "#d62728", "#2ca02c"};
  double most = 0;
  for (const auto& [name, values] : curves) most = std::max(most, *std::max_element(values.begin(), values.end()));
  std::ofstream file(path);
  file << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 500 300\" font-family=\"sans-serif\" "
       << "font-size=\"12\">\n<text x=\"40\" y=\"24\">" << title << "</text>\n"
       << "<path d=\"M40 40V280H480\" fill=\"none\" stroke=\"black\"/>\n"
       << "<text x=\"2\" y=\"44\">" << most << "</text><text x=\"20\" y=\"284\">0</text>\n";
  for (size_t c = 0; c < curves.size(); ++c) {
    const auto& [name, values] = curves[c];
    const double step = 440.0 / std::max<double>(static_cast<double>(values.size()) - 1, 1);
    file << "<polyline fill=\"none\" stroke=\"" << colours[c % 3] << "\" points=\"";
    for (size_t i = 0; i < values.size(); ++i)
      file << 40 + static_cast<double>(i) * step << ',' << 280 - 240 * values[i] / most << ' ';
    file << "\"/>\n<text x=\"340\" y=\"" << 60 + 20 * c << "\" fill=\"" << colours[c % 3] << "\">" << name
         << "</text>\n";
  }
  file << "</svg>\n";
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}
