// Tokenizer: text to the ids of a byte-level BPE vocabulary and back, trained here or read from a tokenizer.json.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tenon/base/export.h"

namespace tenon::text {

// A token that is looked for in a text before the text is split into words.
struct AddedToken {
  std::string content;
  bool single_word = false;  // not where it is part of a word
  bool lstrip = false;       // takes the white space before it along
  bool rstrip = false;       // and the white space after it
  bool normalized = true;    // looked for after those that are not
  bool special = false;      // left out where texts are decoded for readers
  bool operator==(const AddedToken&) const = default;
};

enum class Side : uint8_t { Left, Right };
enum class TruncationStrategy : uint8_t { LongestFirst, OnlyFirst, OnlySecond };

struct Padding {
  Side direction = Side::Right;
  std::optional<uint32_t> length;  // else that of the longest text of the batch
  uint32_t pad_to_multiple_of = 0;
  uint32_t pad_id = 0;
  uint32_t pad_type_id = 0;
  std::string pad_token = "[PAD]";
};

struct Truncation {
  uint64_t max_length = 512;
  uint64_t stride = 0;  // how many tokens of a part the next part has again
  TruncationStrategy strategy = TruncationStrategy::LongestFirst;
  Side direction = Side::Right;
};

struct Token {
  static constexpr uint32_t kNoWord = UINT32_MAX;
  uint32_t id = 0;
  uint32_t begin = 0, end = 0;  // in the text; 0 and 0 where it stands for none of it
  uint32_t word = kNoWord;      // the how manieth word of the text it is of
  uint32_t type_id = 0;
  int8_t sequence = -1;  // 0 or 1 for the first or second text, -1 for neither
  bool special = false;  // padding, or added around the texts
  bool padding = false;
};

// The vocabulary with what was added to it.
class Vocabulary;

struct Encoding {
  std::vector<Token> tokens;
  // What truncation cut off, in parts.
  std::vector<Encoding> overflowing;
  std::string pad_token;
  uint8_t sequences = 1;  // of how many texts it is
  std::shared_ptr<const Vocabulary> vocabulary;

  size_t size() const { return tokens.size(); }
  TENON_API std::vector<uint32_t> ids() const;
  // 1 for tokens, 0 for padding.
  TENON_API std::vector<uint32_t> attention_mask() const;
  // The token at place `i` as the vocabulary has it.
  TENON_API std::string text_of(size_t i) const;
  TENON_API void pad(size_t length, const Padding& padding);
  TENON_API void truncate(size_t length, size_t stride, Side direction);
  // Joins what follows; with `growing_offsets` its offsets go on from where these end.
  TENON_API void append(const Encoding& next, bool growing_offsets);
};

struct TrainingProgress {
  const char* stage;  // "reading", "merging"
  uint64_t done, total;  // bytes of the files, or texts, of which the total may be 0 for unknown; or tokens
};

struct TrainingOptions {
  uint64_t vocab_size = 30000;
  uint64_t min_frequency = 2;  // pairs that are rarer are not merged
  std::vector<AddedToken> special_tokens;
  // Called now and then on the caller's thread; what it throws ends the training and leaves the tokenizer as it was.
  std::function<void(const TrainingProgress&)> progress;
};

struct ByteLevelOptions {
  bool add_prefix_space = false;  // a text's first word is treated as any other
  bool trim_offsets = false;      // offsets leave white space out
  bool use_regex = true;          // texts are split into words
};

enum class OffsetUnit : uint8_t { Byte, Character };

// Reading is safe from several threads at once; whoever changes a tokenizer keeps others from it meanwhile. Texts are
// UTF-8; bytes that are not are encoded one by one, so that decode() gives back each text to the byte.
class Tokenizer {
 public:
  // Without a vocabulary.
  TENON_API explicit Tokenizer(const ByteLevelOptions& options = {});
  // Of a vocabulary and of merges in their order, as "a b" or as pairs.
  TENON_API Tokenizer(const std::vector<std::pair<std::string, uint32_t>>& vocabulary,
                      const std::vector<std::pair<std::string, std::string>>& merges,
                      const ByteLevelOptions& options = {});
  TENON_API ~Tokenizer();
  TENON_API Tokenizer(const Tokenizer&);
  TENON_API Tokenizer(Tokenizer&&) noexcept;
  TENON_API Tokenizer& operator=(Tokenizer&&) noexcept;

  // A tokenizer.json, or its text. What is no such file is an io::FileError; one that asks for a part that is not
  // supported, such as a normalizer, is a NotImplementedError that names it.
  TENON_API static Tokenizer from_file(const std::string& path);
  TENON_API static Tokenizer from_str(std::string_view json);
  // vocab.json and merges.txt.
  TENON_API static Tokenizer from_files(const std::string& vocab, const std::string& merges,
                                        const ByteLevelOptions& options = {});
  // The file appears whole or not at all.
  TENON_API void save(const std::string& path, bool pretty = true) const;
  TENON_API std::string to_str(bool pretty = false) const;
  // Writes vocab.json and merges.txt, behind "prefix-" if there is a prefix; gives their paths.
  TENON_API std::vector<std::string> save_model(const std::string& folder, const std::string& prefix = {}) const;

  // Each line is a text of its own. On all threads; the result does not depend on their number.
  TENON_API void train(const std::vector<std::string>& files, const TrainingOptions& options = {});
  // `next` gives a text, or false after the last; `count` is how many will come, if that is known.
  TENON_API void train(const std::function<bool(std::string& text)>& next, const TrainingOptions& options = {},
                       uint64_t count = 0);

  TENON_API Encoding encode(std::string_view text, bool add_special_tokens = true,
                            OffsetUnit unit = OffsetUnit::Byte) const;
  TENON_API Encoding encode_pair(std::string_view text, std::string_view pair, bool add_special_tokens = true,
                                 OffsetUnit unit = OffsetUnit::Byte) const;
  // On all threads.
  TENON_API std::vector<Encoding> encode_batch(std::span<const std::string_view> texts, bool add_special_tokens = true,
                                               OffsetUnit unit = OffsetUnit::Byte) const;
  TENON_API std::vector<Encoding> encode_pairs(std::span<const std::pair<std::string_view, std::string_view>> texts,
                                               bool add_special_tokens = true,
                                               OffsetUnit unit = OffsetUnit::Byte) const;
  // Ids that are of no token are left out.
  TENON_API std::string decode(std::span<const uint32_t> ids, bool skip_special_tokens = true) const;
  TENON_API std::vector<std::string> decode_batch(std::span<const std::vector<uint32_t>> ids,
                                                  bool skip_special_tokens = true) const;

  TENON_API std::optional<uint32_t> token_to_id(std::string_view token) const;
  TENON_API std::optional<std::string> id_to_token(uint32_t id) const;
  TENON_API std::vector<std::pair<std::string, uint32_t>> get_vocab(bool with_added_tokens = true) const;
  TENON_API size_t get_vocab_size(bool with_added_tokens = true) const;
  // Of one that was added before the flags are replaced. How many of them are new or changed.
  TENON_API size_t add_tokens(const std::vector<AddedToken>& tokens);
  TENON_API const std::map<uint32_t, AddedToken>& added_tokens() const;
  TENON_API size_t num_special_tokens_to_add(bool is_pair) const;

  TENON_API void set_padding(std::optional<Padding> padding);
  TENON_API const std::optional<Padding>& padding() const;
  TENON_API void set_truncation(std::optional<Truncation> truncation);
  TENON_API const std::optional<Truncation>& truncation() const;

  // For the library's own files.
  struct Inside;

 private:
  explicit Tokenizer(std::unique_ptr<Inside> inside);
  static Tokenizer of_json(std::string_view text, const std::string& name);
  std::unique_ptr<Inside> inside_;
};

}  // namespace tenon::text
