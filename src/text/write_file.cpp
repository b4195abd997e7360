// How tokenizers are written: tokenizer.json, and vocab.json with merges.txt.
#include "io/atomic_file.h"
#include "tenon/text/tokenizer.h"
#include "text/inside.h"

namespace tenon::text {
namespace {

void write_byte_level(JsonWriter& writer, bool add_prefix_space, bool trim_offsets, bool use_regex) {
  writer.open('{');
  writer.member("type", "ByteLevel");
  writer.member_flag("add_prefix_space", add_prefix_space);
  writer.member_flag("trim_offsets", trim_offsets);
  writer.member_flag("use_regex", use_regex);
  writer.close('}');
}

const char* side_name(Side side) { return side == Side::Left ? "Left" : "Right"; }

void write_truncation(JsonWriter& writer, const Truncation& truncation) {
  constexpr const char* kStrategies[] = {"LongestFirst", "OnlyFirst", "OnlySecond"};
  writer.open('{');
  writer.member("direction", side_name(truncation.direction));
  writer.member_number("max_length", truncation.max_length);
  writer.member("strategy", kStrategies[static_cast<size_t>(truncation.strategy)]);
  writer.member_number("stride", truncation.stride);
  writer.close('}');
}

void write_padding(JsonWriter& writer, const Padding& padding) {
  writer.open('{');
  writer.key("strategy");
  if (padding.length) {
    writer.open('{');
    writer.member_number("Fixed", *padding.length);
    writer.close('}');
  } else {
    writer.string("BatchLongest");
  }
  writer.member("direction", side_name(padding.direction));
  writer.key("pad_to_multiple_of");
  if (padding.pad_to_multiple_of > 0) {
    writer.number(padding.pad_to_multiple_of);
  } else {
    writer.word("null");
  }
  writer.member_number("pad_id", padding.pad_id);
  writer.member_number("pad_type_id", padding.pad_type_id);
  writer.member("pad_token", padding.pad_token);
  writer.close('}');
}

void write_added(JsonWriter& writer, const Vocabulary& vocabulary) {
  writer.open('[');
  for (const auto& [id, token] : vocabulary.added()) {
    writer.open('{');
    writer.member_number("id", id);
    writer.member("content", token.content);
    writer.member_flag("single_word", token.single_word);
    writer.member_flag("lstrip", token.lstrip);
    writer.member_flag("rstrip", token.rstrip);
    writer.member_flag("normalized", token.normalized);
    writer.member_flag("special", token.special);
    writer.close('}');
  }
  writer.close(']');
}

void write_vocabulary(JsonWriter& writer, const Vocabulary& vocabulary) {
  writer.open('{');
  for (uint32_t id = 0; id < vocabulary.model_end(); ++id) {
    if (const std::string* const token = vocabulary.model_token(id)) writer.member_number(*token, id);
  }
  writer.close('}');
}

void write_model(JsonWriter& writer, const Tokenizer::Inside& inside) {
  const ModelOptions& options = inside.model_options;
  writer.open('{');
  writer.member("type", "BPE");
  writer.member_null("dropout");
  writer.key("unk_token");
  if (options.unk_token) {
    writer.string(*options.unk_token);
  } else {
    writer.word("null");
  }
  writer.member_null("continuing_subword_prefix");
  writer.member_null("end_of_word_suffix");
  writer.member_flag("fuse_unk", options.fuse_unk);
  writer.member_flag("byte_fallback", false);
  writer.member_flag("ignore_merges", options.ignore_merges);
  writer.key("vocab");
  write_vocabulary(writer, *inside.vocabulary);
  writer.key("merges");
  writer.open('[');
  for (const Merge& merge : inside.merges) {
    writer.open('[');
    writer.string(*inside.vocabulary->model_token(merge.left));
    writer.string(*inside.vocabulary->model_token(merge.right));
    writer.close(']');
  }
  writer.close(']');
  writer.close('}');
}

void write_text(const std::string& path, const std::string& text) {
  io::save_file(path, [&](const io::Sink& sink) { sink(text.data(), text.size()); });
}

}  // namespace

std::string Tokenizer::to_str(bool pretty) const {
  const Inside& inside = *inside_;
  const PostProcessor& post = inside.post_processor;
  JsonWriter writer(pretty);
  writer.open('{');
  writer.member("version", "1.0");
  writer.key("truncation");
  if (inside.truncation) {
    write_truncation(writer, *inside.truncation);
  } else {
    writer.word("null");
  }
  writer.key("padding");
  if (inside.padding) {
    write_padding(writer, *inside.padding);
  } else {
    writer.word("null");
  }
  writer.key("added_tokens");
  write_added(writer, *inside.vocabulary);
  writer.member_null("normalizer");
  writer.key("pre_tokenizer");
  write_byte_level(writer, inside.options.add_prefix_space, inside.options.trim_offsets, inside.options.use_regex);
  writer.key("post_processor");
  if (inside.post_processor_json) {
    inside.post_processor_json->write(writer);
  } else {
    write_byte_level(writer, post.add_prefix_space, post.trim_offsets, true);
  }
  if (inside.joins_bytes) {
    writer.key("decoder");
    write_byte_level(writer, true, true, true);
  } else {
    writer.member_null("decoder");
  }
  writer.key("model");
  write_model(writer, inside);
  writer.close('}');
  return std::move(writer.text);
}

void Tokenizer::save(const std::string& path, bool pretty) const { write_text(path, to_str(pretty)); }

std::vector<std::string> Tokenizer::save_model(const std::string& folder, const std::string& prefix) const {
  const std::string start = folder + "/" + (prefix.empty() ? "" : prefix + "-");
  const Vocabulary& vocabulary = *inside_->vocabulary;
  std::string merges = "#version: 0.2\n";
  for (const Merge& merge : inside_->merges) {
    merges += *vocabulary.model_token(merge.left) + " " + *vocabulary.model_token(merge.right) + "\n";
  }
  JsonWriter writer(false);
  write_vocabulary(writer, vocabulary);
  write_text(start + "vocab.json", writer.text);
  write_text(start + "merges.txt", merges);
  return {start + "vocab.json", start + "merges.txt"};
}

}  // namespace tenon::text
