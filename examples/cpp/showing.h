// What the training examples show: progress while they work, and their losses as a picture.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
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

// Draws losses against their steps as an SVG.
inline void save_curve(const std::string& path, const std::string& title, const std::vector<double>& losses) {
  const double most = *std::max_element(losses.begin(), losses.end());
  const double step = 440.0 / std::max<double>(static_cast<double>(losses.size()) - 1, 1);
  std::ofstream file(path);
  file << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 500 300\" font-family=\"sans-serif\">\n"
       << "<text x=\"40\" y=\"24\">" << title << "</text>\n"
       << "<path d=\"M40 40V280H480\" fill=\"none\" stroke=\"black\"/>\n"
       << "<text x=\"2\" y=\"44\">" << most << "</text><text x=\"20\" y=\"284\">0</text>\n"
       << "<polyline fill=\"none\" stroke=\"#1f77b4\" points=\"";
  for (size_t i = 0; i < losses.size(); ++i)
    file << 40 + static_cast<double>(i) * step << ',' << 280 - 240 * losses[i] / most << ' ';
  file << "\"/>\n</svg>\n";
}
