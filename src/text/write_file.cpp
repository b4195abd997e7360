// How tokenizers are written: tokenizer.json, and vocab.json with merges.txt.
#include "io/atomic_file.h"
#include "tenon/text/tokenizer.h"
#include "text/inside.h"

namespace tenon::text {
namespace {

Json byte_level(bool add_prefix_space, bool trim_offsets, bool use_regex) {
  return Json::Object{{"type", "ByteLevel"},
                      {"add_prefix_space", add_prefix_space},
                      {"trim_offsets", trim_offsets},
                      {"use_regex", use_regex}};
}

Json text_or_null(const std::optional<std::string>& text) { return text ? Json(*text) : Json(); }

const char* side_name(Side side) { return side == Side::Left ? "Left" : "Right"; }

Json truncation_json(const Truncation& truncation) {
  constexpr const char* kStrategies[] = {"LongestFirst", "OnlyFirst", "OnlySecond"};
  return Json::Object{{"direction", side_name(truncation.direction)},
                      {"max_length", truncation.max_length},
                      {"strategy", kStrategies[static_cast<size_t>(truncation.strategy)]},
                      {"stride", truncation.stride}};
}

Json padding_json(const Padding& padding) {
  const uint32_t multiple = padding.pad_to_multiple_of;
  return Json::Object{{"strategy", padding.length ? Json(Json::Object{{"Fixed", *padding.length}}) : "BatchLongest"},
                      {"direction", side_name(padding.direction)},
                      {"pad_to_multiple_of", multiple > 0 ? Json(multiple) : Json()},
                      {"pad_id", padding.pad_id},
                      {"pad_type_id", padding.pad_type_id},
                      {"pad_token", padding.pad_token}};
}

Json added_json(const Vocabulary& vocabulary) {
  Json::Array tokens;
  for (const auto& [id, token] : vocabulary.added()) {
    tokens.push_back(Json::Object{{"id", id},
                                  {"content", token.content},
                                  {"single_word", token.single_word},
                                  {"lstrip", token.lstrip},
                                  {"rstrip", token.rstrip},
                                  {"normalized", token.normalized},
                                  {"special", token.special}});
  }
  return tokens;
}

Json vocabulary_json(const Vocabulary& vocabulary) {
  Json::Object tokens;
  for (uint32_t id = 0; id < vocabulary.model_end(); ++id) {
    if (const std::string* const token = vocabulary.model_token(id)) tokens.emplace_back(*token, id);
  }
  return tokens;
}

Json model_json(const Tokenizer::Inside& inside) {
  const Vocabulary& vocabulary = *inside.vocabulary;
  Json::Array merges;
  for (const Merge& merge : inside.merges) {
    merges.push_back(Json::Array{*vocabulary.model_token(merge.left), *vocabulary.model_token(merge.right)});
  }
  return Json::Object{{"type", "BPE"},
                      {"dropout", nullptr},
                      {"unk_token", text_or_null(inside.model_options.unk_token)},
                      {"continuing_subword_prefix", nullptr},
                      {"end_of_word_suffix", nullptr},
                      {"fuse_unk", inside.model_options.fuse_unk},
                      {"byte_fallback", false},
                      {"ignore_merges", inside.model_options.ignore_merges},
                      {"vocab", vocabulary_json(vocabulary)},
                      {"merges", std::move(merges)}};
}

void write_text(const std::string& path, const std::string& text) {
  io::save_file(path, [&](const io::Sink& sink) { sink(text.data(), text.size()); });
}

}  // namespace

std::string Tokenizer::to_str(bool pretty) const {
  const Inside& inside = *inside_;
  const ByteLevelOptions& options = inside.options;
  const PostProcessor& post = inside.post_processor;
  const bool made_here = inside.pre_tokenizer_json.is_null();
  const Json file = Json::Object{
      {"version", "1.0"},
      {"truncation", inside.truncation ? truncation_json(*inside.truncation) : Json()},
      {"padding", inside.padding ? padding_json(*inside.padding) : Json()},
      {"added_tokens", added_json(*inside.vocabulary)},
      {"normalizer", nullptr},
      {"pre_tokenizer",
       made_here ? byte_level(options.add_prefix_space, true, options.use_regex) : inside.pre_tokenizer_json},
      {"post_processor",
       made_here ? byte_level(post.add_prefix_space, post.trim_offsets, true) : inside.post_processor_json},
      {"decoder", inside.joins_bytes ? byte_level(true, true, true) : Json()},
      {"model", model_json(inside)}};
  return file.dump(pretty);
}

void Tokenizer::save(const std::string& path, bool pretty) const { write_text(path, to_str(pretty)); }

std::vector<std::string> Tokenizer::save_model(const std::string& folder, const std::string& prefix) const {
  const std::string start = folder + "/" + (prefix.empty() ? "" : prefix + "-");
  const Vocabulary& vocabulary = *inside_->vocabulary;
  std::string merges = "#version: 0.2\n";
  for (const Merge& merge : inside_->merges) {
    merges += *vocabulary.model_token(merge.left) + " " + *vocabulary.model_token(merge.right) + "\n";
  }
  write_text(start + "vocab.json", vocabulary_json(vocabulary).dump(false));
  write_text(start + "merges.txt", merges);
  return {start + "vocab.json", start + "merges.txt"};
}

}  // namespace tenon::text
