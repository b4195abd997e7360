// Tokenizers: texts of any bytes come back, threads do not matter, and training, files and their parts agree. What they
// give for valid text is compared with the `tokenizers` package in tests/python.
#include "tenon/text/tokenizer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <random>

#include "tenon/base/error.h"
#include "tenon/base/parallel.h"

namespace tenon::text {
namespace {

Tokenizer trained(const std::vector<std::string>& texts, TrainingOptions options = {400, 2, {}, {}},
                  const ByteLevelOptions& bytes = {}) {
  Tokenizer tokenizer(bytes);
  size_t next = 0;
  tokenizer.train(
      [&](std::string& text) {
        if (next == texts.size()) return false;
        text = texts[next++];
        return true;
      },
      options);
  return tokenizer;
}

std::string random_text(std::mt19937& random, const std::string& alphabet, size_t longest) {
  std::string text(random() % (longest + 1), ' ');
  for (char& byte : text) byte = alphabet[random() % alphabet.size()];
  return text;
}

std::vector<std::string> corpus() {
  std::mt19937 random(1);
  std::vector<std::string> texts;
  for (int i = 0; i < 300; ++i) {
    texts.push_back(random_text(random, "aab bc '1s!\n\xEA\xB0\x80\xEB\x82\x98\xC3\xA9", 40));
  }
  return texts;
}

const Tokenizer& tokenizer() {
  static const Tokenizer made = trained(corpus());
  return made;
}

std::string all_bytes() {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes.push_back(static_cast<char>(byte));
  return bytes;
}

TEST(Tokenizer, HasATokenForEachByte) {
  const std::string bytes = all_bytes();
  for (const char byte : bytes) {
    const std::string text(1, byte);
    const std::vector<uint32_t> ids = tokenizer().encode(text).ids();
    ASSERT_EQ(ids.size(), 1u);
    ASSERT_LT(ids[0], 256u);
    ASSERT_EQ(tokenizer().decode(ids), text);
  }
  EXPECT_EQ(tokenizer().id_to_token(tokenizer().encode("\n").ids()[0]), "\xC4\x8A");
}

TEST(Tokenizer, TakesBytesThatAreNoUtf8OneByOne) {
  const std::string invalid[] = {"\x80",         "\xC3",        "\xC0\x80",         "\xED\xA0\x80",
                                 "\xE0\x80\x80", "\xE2\x82",    "\xF0\x80\x80\x80", "\xF4\x90\x80\x80",
                                 "\xFF",         "\xF0\x9F\x98"};
  const Tokenizer bytes = trained({}, {256, 2, {}, {}});
  for (const std::string& text : invalid) {
    const Encoding encoding = bytes.encode("a" + text, true, OffsetUnit::Character);
    ASSERT_EQ(encoding.size(), 1 + text.size());
    for (uint32_t i = 0; i < encoding.size(); ++i) {
      EXPECT_EQ(encoding.tokens[i].begin, i);
      EXPECT_EQ(encoding.tokens[i].end, i + 1);
    }
  }
  const Encoding valid = bytes.encode("\xF0\x9F\x98\x80", true, OffsetUnit::Byte);
  for (const Token& token : valid.tokens) EXPECT_EQ(token.end - token.begin, 4u);
}

TEST(Tokenizer, GivesBackAnyBytes) {
  std::mt19937 random(3);
  for (int i = 0; i < 1000; ++i) {
    const std::string text = random_text(random, all_bytes(), 60);
    const Encoding encoding = tokenizer().encode(text);
    ASSERT_EQ(tokenizer().decode(encoding.ids()), text);
    for (const Token& token : encoding.tokens) {
      ASSERT_LE(token.begin, token.end);
      ASSERT_LE(token.end, text.size());
    }
    const Encoding by_character = tokenizer().encode(text, true, OffsetUnit::Character);
    ASSERT_EQ(by_character.ids(), encoding.ids());
  }
}

TEST(Tokenizer, TrainsOnAnyBytes) {
  std::mt19937 random(4);
  std::vector<std::string> texts;
  for (int i = 0; i < 200; ++i) texts.push_back(random_text(random, all_bytes().substr(100), 30));
  const Tokenizer made = trained(texts, {300, 1, {}, {}});
  EXPECT_EQ(made.get_vocab_size(), 300u);
  for (const std::string& text : texts) ASSERT_EQ(made.decode(made.encode(text).ids()), text);
}

// Words beyond a length are merged by another way, with the same result.
TEST(Tokenizer, MergesLongWordsAsItMergesShortOnes) {
  const Tokenizer plain = trained(corpus());
  std::mt19937 random(5);
  for (int i = 0; i < 300; ++i) {
    std::string text = random_text(random, "aabbc", 80);
    if (text.size() < 10) continue;
    std::vector<uint32_t> ids;
    // As BPE is told: again and again the first of the pairs with the smallest rank.
    std::vector<std::string> symbols;
    for (const char byte : text) symbols.push_back(plain.encode(std::string(1, byte)).text_of(0));
    for (;;) {
      uint32_t best_id = UINT32_MAX;
      size_t best = 0;
      for (size_t j = 0; j + 1 < symbols.size(); ++j) {
        const auto id = plain.token_to_id(symbols[j] + symbols[j + 1]);
        if (id && *id < best_id) {
          best_id = *id;
          best = j;
        }
      }
      if (best_id == UINT32_MAX) break;
      symbols[best] += symbols[best + 1];
      symbols.erase(symbols.begin() + static_cast<long>(best) + 1);
    }
    for (const std::string& symbol : symbols) ids.push_back(*plain.token_to_id(symbol));
    ASSERT_EQ(plain.encode(text).ids(), ids) << text;
  }
}

TEST(Tokenizer, TakesTimeInProportionToAWordsLength) {
  const auto seconds = [](size_t length) {
    std::string text(length, 'a');
    for (size_t i = 0; i < length; i += 3) text[i] = 'b';
    const auto start = std::chrono::steady_clock::now();
    const Encoding encoding = tokenizer().encode(text);
    EXPECT_EQ(tokenizer().decode(encoding.ids()), text);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  const double small = std::max(seconds(100'000), 1e-3);
  EXPECT_LT(seconds(2'000'000), 200 * small);
}

TEST(Tokenizer, GivesTheSameOnAnyNumberOfThreads) {
  const std::vector<std::string> texts = corpus();
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  const int before = get_num_threads();
  std::vector<std::string> files;
  std::vector<std::vector<uint32_t>> ids;
  for (const int threads : {1, 2, 7}) {
    set_num_threads(threads);
    const Tokenizer made = trained(texts);
    files.push_back(made.to_str());
    ids.emplace_back();
    for (const Encoding& encoding : made.encode_batch(views)) {
      for (const uint32_t id : encoding.ids()) ids.back().push_back(id);
    }
  }
  set_num_threads(before);
  EXPECT_EQ(files[0], files[1]);
  EXPECT_EQ(files[0], files[2]);
  EXPECT_EQ(ids[0], ids[1]);
  EXPECT_EQ(ids[0], ids[2]);
}

TEST(Tokenizer, EncodesBatchesAsSingleTexts) {
  const std::vector<std::string> texts = corpus();
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  const std::vector<Encoding> batch = tokenizer().encode_batch(views);
  for (size_t i = 0; i < texts.size(); ++i) ASSERT_EQ(batch[i].ids(), tokenizer().encode(texts[i]).ids());
  EXPECT_TRUE(tokenizer().encode_batch({}).empty());
  EXPECT_TRUE(tokenizer().encode_pairs({}).empty());
}

TEST(Tokenizer, KeepsItsCacheRightWhenItIsFull) {
  // More words than the cache holds, each a second time after them.
  std::mt19937 random(6);
  std::vector<std::string> words;
  for (int i = 0; i < 120'000; ++i) words.push_back(std::to_string(random()) + "abcabc");
  std::vector<std::vector<uint32_t>> first;
  for (const std::string& word : words) first.push_back(tokenizer().encode(word).ids());
  for (size_t i = 0; i < words.size(); i += 17) {
    ASSERT_EQ(tokenizer().encode(words[i]).ids(), first[i]);
    ASSERT_EQ(tokenizer().decode(first[i]), words[i]);
  }
}

TEST(Tokenizer, FindsAddedTokensFirst) {
  Tokenizer made(tokenizer());
  const auto size = static_cast<uint32_t>(made.get_vocab_size());
  AddedToken special{"<s>", false, false, false, false, true};
  EXPECT_EQ(made.add_tokens({special, {"abc"}, {"ab"}}), 3u);
  EXPECT_EQ(made.add_tokens({special, {""}}), 0u);
  const std::vector<uint32_t> ids{size, *made.token_to_id("abc"), *made.token_to_id("ab")};
  EXPECT_EQ(made.encode("<s>abcab").ids(), ids);
  EXPECT_EQ(made.decode(made.encode("<s>abcab").ids()), "abcab");
  EXPECT_EQ(made.decode(made.encode("<s>abcab").ids(), false), "<s>abcab");
  EXPECT_THROW(made.add_tokens({{"\xFF"}}), ValueError);
  // The one it was copied from is as it was.
  EXPECT_FALSE(tokenizer().token_to_id("<s>"));
}

TEST(Tokenizer, RefusesWhatItCannotDo) {
  Tokenizer made(tokenizer());
  EXPECT_THROW(made.set_truncation(Truncation{4, 4, {}, {}}), ValueError);
  Padding padding;
  padding.length = UINT32_MAX;
  EXPECT_THROW(made.set_padding(padding), ValueError);
  EXPECT_THROW(Tokenizer({{"a", 0}, {"a", 1}}, {}), ValueError);
  EXPECT_THROW(Tokenizer({{"a", 0}, {"b", 0}}, {}), ValueError);
  EXPECT_THROW(Tokenizer({{"a", UINT32_MAX}}, {}), ValueError);
  EXPECT_THROW(Tokenizer({{"a", 0}, {"b", 1}}, {{"a", "b"}}), ValueError);
  EXPECT_THROW(made.train(std::vector<std::string>{}, {1ull << 40, 2, {}, {}}), ValueError);
  EXPECT_THROW(made.encode("a").text_of(1), IndexError);
  EXPECT_EQ(made.to_str(), tokenizer().to_str());
}

TEST(Tokenizer, WithoutAVocabularyHasNoTokens) {
  const Tokenizer empty;
  EXPECT_EQ(empty.encode("some text").size(), 0u);
  EXPECT_EQ(empty.decode(std::vector<uint32_t>{0, 1, UINT32_MAX}), "");
  EXPECT_EQ(Tokenizer::from_str(empty.to_str()).to_str(), empty.to_str());
}

}  // namespace
}  // namespace tenon::text
