// Tokenizer files: what is written is read, and whatever else is read is refused with a typed error and never crashes.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include "tenon/io/error.h"
#include "tenon/text/tokenizer.h"

namespace tenon::text {
namespace {

// A file with every part that is supported.
std::string good_file() {
  const std::vector<std::string> texts(3, "the cat sat on the mat, the cat \xEA\xB0\x80\xEA\xB0\x80");
  Tokenizer made;
  size_t next = 0;
  made.train(
      [&](std::string& text) {
        if (next == texts.size()) return false;
        text = texts[next++];
        return true;
      },
      {272, 2, {{"<s>"}, {"</s>"}}, {}});
  made.add_tokens({{"<mask>", true, true, true, true, false}});
  made.set_padding(Padding{Side::Left, 7, 4, 1, 0, "</s>"});
  made.set_truncation(Truncation{9, 2, TruncationStrategy::OnlyFirst, Side::Left});
  std::string text = made.to_str();
  const std::string from = "\"post_processor\":{", to = "\"decoder\"";
  const size_t begin = text.find(from), end = text.find(to);
  return text.substr(0, begin) +
         R"("post_processor":{"type":"Sequence","processors":[{"type":"ByteLevel","trim_offsets":true},)"
         R"({"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},)"
         R"({"Sequence":{"id":"A","type_id":0}}],"pair":[{"Sequence":{"id":"A","type_id":0}},)"
         R"({"Sequence":{"id":"B","type_id":1}}],)"
         R"("special_tokens":{"<s>":{"id":"<s>","ids":[0],"tokens":["<s>"]}}}]},)" +
         text.substr(end);
}

// Reads a text; one that is read serves. Whether it was read.
bool reads(const std::string& text) {
  try {
    const Tokenizer tokenizer = Tokenizer::from_str(text);
    const std::vector<uint32_t> ids = tokenizer.encode("the cat <mask> \xEA\xB0\x80 sat").ids();
    tokenizer.decode(ids);
    tokenizer.encode_pair("a", "cat");
    Tokenizer::from_str(tokenizer.to_str());
    return true;
  } catch (const io::FileError&) {
  } catch (const NotImplementedError&) {
  } catch (const ValueError&) {  // a truncation that leaves no room, for one
  }
  return false;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(TokenizerFile, IsReadAsItWasWritten) {
  const std::string text = good_file();
  ASSERT_TRUE(reads(text));
  const std::string again = Tokenizer::from_str(text).to_str();
  EXPECT_EQ(Tokenizer::from_str(again).to_str(), again);
  EXPECT_EQ(Tokenizer::from_str(Tokenizer::from_str(text).to_str(true)).to_str(), again);
}

TEST(TokenizerFile, ThatEndsAnywhereIsRefused) {
  const std::string text = good_file();
  for (size_t size = 0; size < text.size(); ++size)
    ASSERT_THROW(Tokenizer::from_str(text.substr(0, size)), io::FileError);
}

TEST(TokenizerFile, ThatIsDamagedNeverCrashes) {
  const std::string text = good_file();
  const char* const parts[] = {
      "0",  "-1",    "4294967296", "1e999", "null", "true", "\"\"",     "[]",
      "{}", "\"a\"", "[[",         "}",     "],",   "\\u",  "16777216", "99999999999999999999"};
  std::mt19937 random(7);
  size_t read = 0;
  for (int i = 0; i < 4000; ++i) {
    std::string damaged = text;
    for (unsigned edits = random() % 3 + 1; edits > 0; --edits) {
      const size_t at = random() % damaged.size();
      switch (random() % 4) {
        case 0:
          damaged[at] = static_cast<char>(random());
          break;
        case 1:
          damaged.erase(at, random() % 30);
          break;
        case 2:
          damaged.insert(at, damaged.substr(random() % damaged.size(), random() % 60));
          break;
        default: {
          // In the place of a value.
          const size_t colon = damaged.find(':', at);
          if (colon == std::string::npos) break;
          const size_t end = damaged.find_first_of(",}]", colon);
          damaged.replace(colon + 1, end - colon - 1, parts[random() % std::size(parts)]);
        }
      }
    }
    read += reads(damaged) ? 1 : 0;
  }
  // Most damage is seen, and some does no harm.
  EXPECT_GT(read, 0u);
  EXPECT_LT(read, 3000u);
}

TEST(TokenizerFile, IsRefusedForWhatItSays) {
  const std::string text = good_file();
  const std::pair<const char*, const char*> wrong[] = {
      {"\"merges\":[[", "\"merges\":[[\"x\",\"yz\"],["},
      {"\"merges\":[[", "\"merges\":[[\"x\"],["},
      {"\"merges\":[[", "\"merges\":[\"a b c\",["},
      {"\"merges\":[[", "\"merges\":[7,["},
      {"\"vocab\":{", "\"vocab\":{\"new\":0,"},
      {"\"vocab\":{", "\"vocab\":{\"!\":900,"},
      {"\"vocab\":{", "\"vocab\":{\"new\":4000000000,"},
      {"\"vocab\":{", "\"vocab\":{\"new\":-1,"},
      {"\"vocab\":{", "\"vocab\":{\"new\":1.5,"},
      {"\"vocab\":{", "\"vocab\":{\"new\":\"1\","},
      {"\"vocab\":{", "\"vocabulary\":{"},
      {"\"unk_token\":null", "\"unk_token\":\"nowhere\""},
      {"\"id\":272", "\"id\":273"},
      {"\"id\":272", "\"id\":1"},
      {"\"content\":\"<mask>\"", "\"content\":\"\""},
      {"\"content\":\"<mask>\"", "\"content\":\"<s>\""},
      {"\"ids\":[0]", "\"ids\":[1]"},
      {"\"ids\":[0]", "\"ids\":[]"},
      {"\"id\":\"A\"", "\"id\":\"C\""},
      {"\"id\":\"A\"", "\"id\":\"B\""},
      {"\"Fixed\":7", "\"Fixed\":4000000000"},
      {"\"max_length\":9", "\"max_length\":1"},
      {"\"strategy\":\"OnlyFirst\"", "\"strategy\":\"Only\""},
      {"\"direction\":\"Left\"", "\"direction\":\"Up\""},
      {"\"version\":\"1.0\"", "\"model\":1"},
  };
  for (const auto& [from, to] : wrong) {
    EXPECT_THROW(Tokenizer::from_str(replaced(text, from, to)), io::FileError) << to;
  }
  EXPECT_THROW(Tokenizer::from_str("[" + text + "]"), io::FileError);
  EXPECT_THROW(Tokenizer::from_str(std::string(1'000'000, '[')), io::FileError);
}

TEST(TokenizerFile, NamesThePartThatIsNotSupported) {
  const std::string text = good_file();
  const std::pair<const char*, std::pair<const char*, const char*>> parts[] = {
      {"\"normalizer\":null", {"\"normalizer\":{\"type\":\"NFC\"}", "normalizer NFC"}},
      {"\"type\":\"BPE\"", {"\"type\":\"Unigram\"", "model: type Unigram"}},
      {"\"dropout\":null", {"\"dropout\":0.1", "dropout"}},
      {"\"end_of_word_suffix\":null", {"\"end_of_word_suffix\":\"</w>\"", "end_of_word_suffix"}},
      {"\"pre_tokenizer\":{\"type\":\"ByteLevel\"",
       {"\"pre_tokenizer\":{\"type\":\"Whitespace\"", "pre_tokenizer: type Whitespace"}},
      {"\"type\":\"Sequence\"", {"\"type\":\"Other\"", "post_processor: type Other"}},
  };
  for (const auto& [from, change] : parts) {
    try {
      Tokenizer::from_str(replaced(text, from, change.first));
      ADD_FAILURE() << change.first;
    } catch (const NotImplementedError& error) {
      EXPECT_NE(std::string(error.what()).find(change.second), std::string::npos) << error.what();
    }
  }
}

TEST(TokenizerFile, IsOneOnTheDisk) {
  std::string folder = (std::filesystem::temp_directory_path() / "tenon-text-XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const Tokenizer made = Tokenizer::from_str(good_file());
  const std::string path = folder + "/tokenizer.json";
  made.save(path);
  EXPECT_EQ(Tokenizer::from_file(path).to_str(), made.to_str());
  EXPECT_THROW(Tokenizer::from_file(folder), io::FileError);
  EXPECT_THROW(Tokenizer::from_file(folder + "/none"), io::FileError);
  EXPECT_THROW(made.save(folder + "/none/a.json"), io::FileError);

  const std::vector<std::string> paths = made.save_model(folder, "a");
  const Tokenizer again = Tokenizer::from_files(paths[0], paths[1]);
  EXPECT_EQ(again.get_vocab(false), made.get_vocab(false));
  EXPECT_EQ(again.encode("the cat").ids(), std::vector<uint32_t>({*made.token_to_id("the"), *made.token_to_id("\xC4\xA0"
                                                                                                              "cat")}));
  std::ofstream(paths[1]) << "#version: 0.2\nno_pair\n";
  EXPECT_THROW(Tokenizer::from_files(paths[0], paths[1]), io::FileError);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace tenon::text
