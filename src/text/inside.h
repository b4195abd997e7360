// What a Tokenizer is made of. Depends on the rest of text.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/json.h"
#include "text/post_processor.h"
#include "text/vocabulary.h"
#include "text/word_counts.h"

namespace tenon::text {

// What the model has beside its vocabulary and merges.
struct ModelOptions {
  std::optional<std::string> unk_token;
  bool fuse_unk = false;
  bool ignore_merges = false;
};

struct Tokenizer::Inside {
  ByteLevelOptions options;
  ModelOptions model_options;
  PostProcessor post_processor;
  // As a file has them, null in a tokenizer that was made here.
  Json pre_tokenizer_json, post_processor_json;
  bool joins_bytes = true;  // else decode() puts spaces between the tokens as they are
  std::optional<Padding> padding;
  std::optional<Truncation> truncation;

  std::shared_ptr<const Vocabulary> vocabulary;
  std::vector<Merge> merges;
  std::shared_ptr<const Bpe> bpe;
  AddedTokens added;

  // Each prepares what encode() looks up.
  void set_model(std::unique_ptr<Vocabulary> made, std::vector<Merge> made_merges);
  void set_vocabulary(std::shared_ptr<const Vocabulary> made);
  void learn(const WordCounts& words, const TrainingOptions& options);

  Encoding encode(std::string_view text, Workspace& workspace, OffsetUnit unit) const;
  // With truncation and special tokens, without padding.
  Encoding encode(std::string_view text, const std::string_view* pair, bool add_special_tokens, OffsetUnit unit,
                  Workspace& workspace) const;
  void pad(std::span<Encoding> encodings) const;
  void truncate(Encoding& first, Encoding* second, bool add_special_tokens) const;

 private:
  void encode_section(std::string_view text, const Section& section, Workspace& workspace, uint32_t& word,
                      std::vector<Token>& tokens) const;
};

// Merges of the tokens that `merges` names; a pair that makes no token is a ValueError.
std::vector<Merge> resolve_merges(const Vocabulary& vocabulary,
                                  const std::vector<std::pair<std::string, std::string>>& merges,
                                  const std::string& name);

void check_padding(const Padding& padding);
void check_truncation(const Truncation& truncation);

}  // namespace tenon::text
