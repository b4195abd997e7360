// Reviews and whether they are positive: read from a file, or made up in words that no language has. reviews.py is the
// same in Python.
#pragma once

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

constexpr int64_t kWords = 512;
constexpr int64_t kDraws = 27;  // random numbers, as many as the longest review needs
constexpr int64_t kWrong = 5;   // of 100 made up labels

struct Review {
  std::string id;
  std::string document;
  int64_t label;  // 1 is positive, 0 negative
  int64_t meant;  // what the label would be if none were wrong
};

inline bool is_utf8(std::string_view text) {
  const auto byte = [&](size_t at) { return at < text.size() ? static_cast<uint8_t>(text[at]) : 0u; };
  for (size_t i = 0; i < text.size();) {
    const unsigned first = byte(i), second = byte(i + 1);
    const size_t length = first < 0x80   ? 1
                          : first < 0xc2 ? 0
                          : first < 0xe0 ? 2
                          : first < 0xf0 ? 3
                          : first < 0xf5 ? 4
                                         : 0;
    if (length == 0) return false;
    for (size_t k = 1; k < length; ++k)
      if ((byte(i + k) & 0xc0) != 0x80) return false;
    // More bytes than needed, half of a pair of UTF-16, or beyond the last character.
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) || (first == 0xf0 && second < 0x90) ||
        (first == 0xf4 && second > 0x8f))
      return false;
    i += length;
  }
  return true;
}

// The reviews of a file with the columns id, document and label, or the first of them if there is a limit.
inline std::vector<Review> read_reviews(const std::string& path, int64_t limit) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::string line;
  const auto next_line = [&] {
    if (!std::getline(file, line)) {
      if (file.bad()) throw std::runtime_error("cannot read " + path);
      return false;
    }
    line.erase(line.find_last_not_of('\r') + 1);
    return true;
  };
  int64_t number = 1;
  const auto fail = [&](const std::string& what) {
    throw std::runtime_error(path + ":" + std::to_string(number) + ": " + what);
  };
  next_line();
  if (line.starts_with("\xef\xbb\xbf")) line.erase(0, 3);
  if (line != "id\tdocument\tlabel") fail("the first line must be id, document and label, with tabs between");

  std::vector<Review> reviews;
  while ((limit == 0 || number <= limit) && next_line()) {
    ++number;
    if (!is_utf8(line)) fail("must be UTF-8");
    const auto columns = std::count(line.begin(), line.end(), '\t') + 1;
    if (columns != 3) fail("must be id, document and label, got " + std::to_string(columns) + " columns");
    const size_t first = line.find('\t'), second = line.rfind('\t');
    const std::string label = line.substr(second + 1);
    if (label != "0" && label != "1") fail("the label must be 0 or 1, got '" + label + "'");
    const int64_t positive = label == "1";
    reviews.push_back({line.substr(0, first), line.substr(first + 1, second - first - 1), positive, positive});
  }
  return reviews;
}

// A word of two syllables, another one for each number below kWords.
inline std::string make_word(int64_t number) {
  static const char* const syllables[2][16] = {
      {"ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "ri", "so", "tu", "ve"},
      {"가", "네", "디", "로", "무", "배", "서", "여", "자", "초", "코", "투", "파", "해", "끼", "뿌"}};
  const auto& alphabet = syllables[number % 2];
  return std::string(alphabet[number / 32]) + alphabet[number / 2 % 16];
}

// A review from each kDraws random numbers, in words that `order`, of numbers below kWords, decides on.
// It is of one to three opinions, "thing [very] quality [not]". "A but B" means what B does, "A though B" what A does:
// without their order the words do not tell the label.
inline std::vector<Review> make_reviews(std::span<const int64_t> order, std::span<const int64_t> draws) {
  using Words = std::vector<std::string>;
  const auto take = [&](size_t count) {
    Words words;
    for (int64_t number : order.first(count)) words.push_back(make_word(number));
    order = order.subspan(count);
    return words;
  };
  const Words things = take(40), very = take(6), no = take(2), but = take(2), though = take(2), bad = take(40),
              good = take(40);

  std::vector<Review> reviews;
  for (; !draws.empty(); draws = draws.subspan(kDraws)) {
    auto draw = draws.begin();
    std::string document;
    const auto say = [&](const Words& words) {
      if (!document.empty()) document += ' ';
      document += words[static_cast<size_t>(*draw++) % words.size()];
    };
    int64_t meant = 0;
    const int64_t opinions = 1 + *draw++ % 3;
    for (int64_t opinion = 0; opinion < opinions; ++opinion) {
      const bool decides = opinion == 0 || *draw++ % 2 == 0;
      if (opinion > 0) say(decides ? but : though);
      say(things);
      if (*draw++ % 3 == 0) say(very);
      int64_t positive = *draw++ % 2;
      say(positive ? good : bad);
      if (*draw++ % 3 == 0) {
        say(no);
        positive = 1 - positive;
      }
      if (decides) meant = positive;
    }
    const int64_t label = *draw % 100 < kWrong ? 1 - meant : meant;
    reviews.push_back({std::to_string(reviews.size() + 1), document, label, meant});
  }
  return reviews;
}
