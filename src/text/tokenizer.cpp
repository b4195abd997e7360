// See tenon/text/tokenizer.h; encode.cpp has how texts become tokens, tokenizer_file.cpp the files.
#include "tenon/text/tokenizer.h"

#include <algorithm>

#include "io/source.h"
#include "tenon/base/error.h"
#include "tenon/base/parallel.h"
#include "text/alphabet.h"
#include "text/inside.h"
#include "text/train.h"
#include "text/unicode.h"
#include "text/word_counts.h"

namespace tenon::text {
namespace {

constexpr int64_t kTextsPerPiece = 32;
// A file is read, and texts are gathered, in parts of about this many bytes.
constexpr uint64_t kBytesAtOnce = 16 << 20;
// No text is padded to more tokens than this.
constexpr uint64_t kLongestPadding = 1 << 24;

bool is_valid_utf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const Char next = char_at(text, at);
    if (next.code == kInvalid) return false;
    at += next.length;
  }
  return true;
}

std::array<uint32_t, 256> byte_ids_of(const Vocabulary& vocabulary) {
  std::array<uint32_t, 256> ids;
  for (unsigned byte = 0; byte < 256; ++byte) {
    ids[byte] = vocabulary.model_id(spelled(std::string(1, static_cast<char>(byte)))).value_or(Bpe::kNone);
  }
  return ids;
}

// Gives `use` the lines of a file, many at once, each with its end.
template <class Use>
void read_lines(const std::string& path, Use&& use) {
  const auto file = io::open_file(path, false);
  std::string part;
  std::vector<std::string_view> lines;
  for (uint64_t at = 0; at < file->size();) {
    const uint64_t count = std::min(kBytesAtOnce, file->size() - at);
    part += file->read(at, count);
    at += count;
    lines.clear();
    size_t start = 0;
    for (size_t end; start < part.size(); start = end) {
      end = part.find('\n', start);
      // Only the file's last line may have no end.
      if (end == std::string::npos && at < file->size()) break;
      end = end == std::string::npos ? part.size() : end + 1;
      lines.push_back(std::string_view(part).substr(start, end - start));
    }
    use(lines, count);
    part.erase(0, start);
  }
}

}  // namespace

void check_padding(const Padding& padding) {
  TENON_CHECK_VALUE(padding.length.value_or(0) <= kLongestPadding && padding.pad_to_multiple_of <= kLongestPadding,
                    "padding: a length of ", padding.length.value_or(padding.pad_to_multiple_of), "; ", kLongestPadding,
                    " is allowed");
  TENON_CHECK_VALUE(is_valid_utf8(padding.pad_token), "padding: pad_token is no valid UTF-8");
}

void check_truncation(const Truncation& truncation) {
  TENON_CHECK_VALUE(truncation.max_length == 0 || truncation.stride < truncation.max_length, "truncation: a stride of ",
                    truncation.stride, " must be less than max_length, ", truncation.max_length);
}

std::vector<Merge> resolve_merges(const Vocabulary& vocabulary,
                                  const std::vector<std::pair<std::string, std::string>>& merges,
                                  const std::string& name) {
  std::vector<Merge> resolved;
  resolved.reserve(merges.size());
  for (const auto& [left, right] : merges) {
    const auto first = vocabulary.model_id(left), second = vocabulary.model_id(right);
    const auto product = vocabulary.model_id(left + right);
    TENON_CHECK_VALUE(first && second && product, name, ": merge ", resolved.size(), " is of '", left, "' and '", right,
                      "', but '", !first ? left : !second ? right : left + right, "' is not in the vocabulary");
    resolved.push_back({*first, *second, *product});
  }
  return resolved;
}

void Tokenizer::Inside::set_model(std::unique_ptr<Vocabulary> made, std::vector<Merge> made_merges) {
  Bpe::Parts parts{byte_ids_of(*made), made_merges, {}, model_options.fuse_unk, nullptr};
  if (model_options.unk_token) {
    parts.unknown = made->model_id(*model_options.unk_token);
    TENON_CHECK_VALUE(parts.unknown, "unk_token '", *model_options.unk_token, "' is not in the vocabulary");
  }
  std::shared_ptr<const Vocabulary> shared = std::move(made);
  if (model_options.ignore_merges) {
    parts.whole_word = [shared](std::string_view word) { return shared->model_id(spelled(word)); };
  }
  bpe = std::make_shared<const Bpe>(std::move(parts));
  merges = std::move(made_merges);
  set_vocabulary(std::move(shared));
}

void Tokenizer::Inside::set_vocabulary(std::shared_ptr<const Vocabulary> made) {
  added = AddedTokens(*made);
  vocabulary = std::move(made);
}

Tokenizer::Tokenizer(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(const Tokenizer& other) : inside_(std::make_unique<Inside>(*other.inside_)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

Tokenizer::Tokenizer(const ByteLevelOptions& options) : Tokenizer({}, {}, options) {}

Tokenizer::Tokenizer(const std::vector<std::pair<std::string, uint32_t>>& vocabulary,
                     const std::vector<std::pair<std::string, std::string>>& merges, const ByteLevelOptions& options)
    : inside_(std::make_unique<Inside>()) {
  inside_->options = options;
  inside_->post_processor.trim_offsets = options.trim_offsets;
  auto made = std::make_unique<Vocabulary>();
  for (const auto& [token, id] : vocabulary) {
    TENON_CHECK_VALUE(is_valid_utf8(token), "vocabulary: the token of id ", id, " is no valid UTF-8");
    TENON_CHECK_VALUE(made->add(token, id), "vocabulary: token '", token, "' or its id ", id, " comes twice");
  }
  std::vector<Merge> resolved = resolve_merges(*made, merges, "merges");
  inside_->set_model(std::move(made), std::move(resolved));
}

// --- training

namespace {

// What a trained tokenizer has beside the words: options that are checked first.
void check_training(const TrainingOptions& options) {
  TENON_CHECK_VALUE(options.vocab_size <= Vocabulary::kMostIds, "train: a vocab_size of ", options.vocab_size, "; ",
                    Vocabulary::kMostIds, " are allowed");
  for (const AddedToken& token : options.special_tokens) {
    TENON_CHECK_VALUE(is_valid_utf8(token.content), "train: a special token is no valid UTF-8");
  }
}

void report(const TrainingOptions& options, const char* stage, uint64_t done, uint64_t total) {
  if (options.progress) options.progress({stage, done, total});
}

}  // namespace

void Tokenizer::Inside::learn(const WordCounts& words, const TrainingOptions& options) {
  Learned learned = learn_merges(words, options);
  for (AddedToken token : options.special_tokens) {
    token.special = true;
    learned.vocabulary->add(token);
  }
  for (const auto& [id, token] : vocabulary->added()) learned.vocabulary->add(token);
  set_model(std::move(learned.vocabulary), std::move(learned.merges));
  report(options, "merging", options.vocab_size, options.vocab_size);
}

void Tokenizer::train(const std::vector<std::string>& files, const TrainingOptions& options) {
  check_training(options);
  uint64_t total = 0, done = 0;
  for (const std::string& path : files) total += io::open_file(path, false)->size();
  WordCounter counter(inside_->options);
  for (const std::string& path : files) {
    read_lines(path, [&](const std::vector<std::string_view>& lines, uint64_t bytes) {
      counter.count(lines);
      done += bytes;
      report(options, "reading", done, total);
    });
  }
  inside_->learn(counter.finish(), options);
}

void Tokenizer::train(const std::function<bool(std::string& text)>& next, const TrainingOptions& options,
                      uint64_t count) {
  check_training(options);
  WordCounter counter(inside_->options);
  std::vector<std::string> texts;
  std::vector<std::string_view> views;
  uint64_t bytes = 0, done = 0;
  const auto count_texts = [&] {
    views.assign(texts.begin(), texts.end());
    counter.count(views);
    done += texts.size();
    texts.clear();
    bytes = 0;
    report(options, "reading", done, count);
  };
  for (std::string text; next(text);) {
    bytes += text.size();
    texts.push_back(std::move(text));
    if (bytes > kBytesAtOnce) count_texts();
  }
  count_texts();
  inside_->learn(counter.finish(), options);
}

// --- encoding and decoding

Encoding Tokenizer::encode(std::string_view text, bool add_special_tokens, OffsetUnit unit) const {
  const Bpe::Lease lease(*inside_->bpe);
  Encoding encoding = inside_->encode(text, nullptr, add_special_tokens, unit, *lease);
  inside_->pad({&encoding, 1});
  return encoding;
}

Encoding Tokenizer::encode_pair(std::string_view text, std::string_view pair, bool add_special_tokens,
                                OffsetUnit unit) const {
  const Bpe::Lease lease(*inside_->bpe);
  Encoding encoding = inside_->encode(text, &pair, add_special_tokens, unit, *lease);
  inside_->pad({&encoding, 1});
  return encoding;
}

std::vector<Encoding> Tokenizer::encode_batch(std::span<const std::string_view> texts, bool add_special_tokens,
                                              OffsetUnit unit) const {
  std::vector<Encoding> encodings(texts.size());
  parallel_for(0, static_cast<int64_t>(texts.size()), kTextsPerPiece, [&](int64_t begin, int64_t end) {
    const Bpe::Lease lease(*inside_->bpe);
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      encodings[i] = inside_->encode(texts[i], nullptr, add_special_tokens, unit, *lease);
    }
  });
  inside_->pad(encodings);
  return encodings;
}

std::vector<Encoding> Tokenizer::encode_pairs(std::span<const std::pair<std::string_view, std::string_view>> texts,
                                              bool add_special_tokens, OffsetUnit unit) const {
  std::vector<Encoding> encodings(texts.size());
  parallel_for(0, static_cast<int64_t>(texts.size()), kTextsPerPiece, [&](int64_t begin, int64_t end) {
    const Bpe::Lease lease(*inside_->bpe);
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      encodings[i] = inside_->encode(texts[i].first, &texts[i].second, add_special_tokens, unit, *lease);
    }
  });
  inside_->pad(encodings);
  return encodings;
}

std::string Tokenizer::decode(std::span<const uint32_t> ids, bool skip_special_tokens) const {
  const Vocabulary& vocabulary = *inside_->vocabulary;
  std::string text;
  bool is_first = true;
  for (const uint32_t id : ids) {
    const std::string* const token = vocabulary.token(id);
    if (token == nullptr || (skip_special_tokens && vocabulary.is_special(id))) continue;
    if (inside_->joins_bytes) {
      text += unspelled(*token);
    } else {
      if (!is_first) text += ' ';
      text += *token;
    }
    is_first = false;
  }
  return text;
}

std::vector<std::string> Tokenizer::decode_batch(std::span<const std::vector<uint32_t>> ids,
                                                 bool skip_special_tokens) const {
  std::vector<std::string> texts(ids.size());
  parallel_for(0, static_cast<int64_t>(ids.size()), kTextsPerPiece, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      texts[i] = decode(ids[i], skip_special_tokens);
    }
  });
  return texts;
}

// --- the vocabulary

std::optional<uint32_t> Tokenizer::token_to_id(std::string_view token) const { return inside_->vocabulary->id(token); }

std::optional<std::string> Tokenizer::id_to_token(uint32_t id) const {
  const std::string* const token = inside_->vocabulary->token(id);
  return token ? std::optional(*token) : std::nullopt;
}

std::vector<std::pair<std::string, uint32_t>> Tokenizer::get_vocab(bool with_added_tokens) const {
  const Vocabulary& vocabulary = *inside_->vocabulary;
  std::vector<std::pair<std::string, uint32_t>> all;
  for (uint32_t id = 0; id < vocabulary.model_end(); ++id) {
    if (const std::string* const token = vocabulary.model_token(id)) all.emplace_back(*token, id);
  }
  if (!with_added_tokens) return all;
  for (const auto& [id, token] : vocabulary.added()) {
    if (!vocabulary.model_id(token.content)) all.emplace_back(token.content, id);
  }
  return all;
}

size_t Tokenizer::get_vocab_size(bool with_added_tokens) const {
  const Vocabulary& vocabulary = *inside_->vocabulary;
  size_t size = vocabulary.model_size();
  if (!with_added_tokens) return size;
  for (const auto& [id, token] : vocabulary.added()) size += vocabulary.model_id(token.content) ? 0 : 1;
  return size;
}

size_t Tokenizer::add_tokens(const std::vector<AddedToken>& tokens) {
  auto changed = std::make_shared<Vocabulary>(*inside_->vocabulary);
  size_t count = 0;
  for (const AddedToken& token : tokens) {
    TENON_CHECK_VALUE(is_valid_utf8(token.content), "add_tokens: a token is no valid UTF-8");
    count += changed->add(token) ? 1 : 0;
  }
  if (count > 0) inside_->set_vocabulary(std::move(changed));
  return count;
}

const std::map<uint32_t, AddedToken>& Tokenizer::added_tokens() const { return inside_->vocabulary->added(); }

size_t Tokenizer::num_special_tokens_to_add(bool is_pair) const {
  return inside_->post_processor.special_tokens(is_pair);
}

void Tokenizer::set_padding(std::optional<Padding> padding) {
  if (padding) check_padding(*padding);
  inside_->padding = std::move(padding);
}
const std::optional<Padding>& Tokenizer::padding() const { return inside_->padding; }

void Tokenizer::set_truncation(std::optional<Truncation> truncation) {
  if (truncation) check_truncation(*truncation);
  inside_->truncation = truncation;
}
const std::optional<Truncation>& Tokenizer::truncation() const { return inside_->truncation; }

}  // namespace tenon::text
