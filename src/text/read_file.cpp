// How tokenizers are read: tokenizer.json, and vocab.json with merges.txt.

#include <algorithm>
#include <map>

#include "io/source.h"
#include "tenon/io/error.h"
#include "tenon/text/tokenizer.h"
#include "text/inside.h"
#include "text/json_part.h"

namespace tenon::text {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

std::string read_all(const std::string& path) {
  const auto file = io::open_file(path, false);
  return file->read(0, file->size());
}

// What is wrong with the values of a file is the file's fault.
template <class Make>
auto of_file(const std::string& name, Make&& make) {
  try {
    return make();
  } catch (const ValueError& error) {
    detail::fail<io::FileError>(name + ": " + error.what());
  }
}

std::unique_ptr<Vocabulary> read_vocabulary(const JsonPart& part) {
  auto vocabulary = std::make_unique<Vocabulary>();
  for (const auto& [token, id] : part.members()) {
    part.check(vocabulary->add(token, part.to_number(id, token)), token, ": the token or its id is there twice");
  }
  return vocabulary;
}

// "a b" as two tokens; false where it is no such text.
bool split_merge(std::string_view text, Pairs& merges) {
  const size_t space = text.find(' ');
  if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos) return false;
  merges.emplace_back(text.substr(0, space), text.substr(space + 1));
  return true;
}

Pairs read_merges(const JsonPart& model) {
  Pairs merges;
  for (const Json& item : model.array("merges")) {
    if (const auto* const text = item.as<std::string>()) {
      model.check(split_merge(*text, merges), "merges", ": not of two tokens: ", *text);
      continue;
    }
    const Json::Array& pair = model.to_array(item, "merges");
    model.check(pair.size() == 2, "merges", ": not of two tokens");
    merges.emplace_back(model.to_text(pair[0], "merges"), model.to_text(pair[1], "merges"));
  }
  return merges;
}

void read_model(const JsonPart& model, Tokenizer::Inside& inside) {
  if (const std::string* const type = model.text_or_none("type"); type && *type != "BPE") {
    model.unsupported("type ", *type);
  }
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (const std::string* const text = model.text_or_none(key); text && !text->empty()) model.unsupported(key);
  }
  if (model.find("dropout") != nullptr) model.unsupported("dropout");
  if (model.flag("byte_fallback", false)) model.unsupported("byte_fallback");
  if (const std::string* const token = model.text_or_none("unk_token")) inside.model_options.unk_token = *token;
  inside.model_options.fuse_unk = model.flag("fuse_unk", false);
  inside.model_options.ignore_merges = model.flag("ignore_merges", false);
  auto vocabulary = read_vocabulary(model.part("vocab"));
  std::vector<Merge> merges = resolve_merges(*vocabulary, read_merges(model));
  inside.set_model(std::move(vocabulary), std::move(merges));
}

AddedToken read_added_token(const JsonPart& part) {
  AddedToken token;
  token.content = part.text("content");
  token.special = part.flag("special", false);
  token.single_word = part.flag("single_word", false);
  token.lstrip = part.flag("lstrip", false);
  token.rstrip = part.flag("rstrip", false);
  token.normalized = part.flag("normalized", !token.special);
  return token;
}

void read_added(const JsonPart& file, Tokenizer::Inside& inside) {
  if (file.find("added_tokens") == nullptr) return;
  auto vocabulary = std::make_shared<Vocabulary>(*inside.vocabulary);
  std::map<uint32_t, AddedToken> tokens;
  for (const Json& item : file.array("added_tokens")) {
    const JsonPart part(item, file, "added_tokens");
    part.check(tokens.emplace(part.number("id"), read_added_token(part)).second, "id", " is there twice");
  }
  for (const auto& [id, token] : tokens) {
    const size_t before = vocabulary->added().size();
    vocabulary->add(token);
    file.check(vocabulary->added().size() > before, "added_tokens", ": there twice or empty: ", token.content);
    file.check(*vocabulary->id(token.content) == id, "added_tokens", ": its id is not the next one: ", token.content);
  }
  inside.set_vocabulary(std::move(vocabulary));
}

void read_pre_tokenizer(const JsonPart& part, ByteLevelOptions& options) {
  const std::string& type = part.text("type");
  if (type == "Sequence") {
    const Json::Array& parts = part.array("pretokenizers");
    if (parts.size() == 1) return read_pre_tokenizer({parts[0], part, "pretokenizers"}, options);
  }
  if (type != "ByteLevel") part.unsupported("type ", type);
  options.add_prefix_space = part.flag("add_prefix_space", true);
  options.trim_offsets = part.flag("trim_offsets", true);
  options.use_regex = part.flag("use_regex", true);
}

void check_decoder(const JsonPart& part) {
  const std::string& type = part.text("type");
  if (type == "Sequence") {
    const Json::Array& parts = part.array("decoders");
    if (parts.size() == 1) return check_decoder({parts[0], part, "decoders"});
  }
  if (type != "ByteLevel") part.unsupported("type ", type);
}

// --- post-processors

class PostProcessorReader {
 public:
  PostProcessorReader(const Vocabulary& vocabulary, PostProcessor& made) : vocabulary_(vocabulary), made_(made) {}

  void read(const JsonPart& part) {
    const std::string& type = part.text("type");
    const bool is_roberta = type == "RobertaProcessing";
    if (type == "Sequence") {
      for (const Json& item : part.array("processors")) read({item, part, "processors"});
    } else if (type == "TemplateProcessing") {
      read_template(part, "single", made_.single);
      read_template(part, "pair", made_.pair);
    } else if (type == "ByteLevel") {
      read_offsets(part);
    } else if (is_roberta || type == "BertProcessing") {
      if (is_roberta) read_offsets(part);
      const uint32_t type_id = is_roberta ? 0 : 1;
      const uint32_t sep = token_of(part, "sep");
      made_.single.clear();
      add_special(made_.single, token_of(part, "cls"), 0);
      add_text(made_.single, 0, 0);
      add_special(made_.single, sep, 0);
      made_.pair = made_.single;
      if (is_roberta) add_special(made_.pair, sep, 0);
      add_text(made_.pair, 1, type_id);
      add_special(made_.pair, sep, type_id);
    } else {
      part.unsupported("type ", type);
    }
  }

 private:
  using Elements = std::vector<PostProcessor::Element>;
  static void add_text(Elements& elements, uint8_t sequence, uint32_t type_id) {
    elements.push_back({sequence, 0, type_id});
  }
  static void add_special(Elements& elements, uint32_t id, uint32_t type_id) {
    elements.push_back({std::nullopt, id, type_id});
  }

  void read_offsets(const JsonPart& part) {
    made_.trim_offsets = part.flag("trim_offsets", true);
    made_.add_prefix_space = part.flag("add_prefix_space", true);
  }
  // An id and the token that it must be of.
  uint32_t checked(const JsonPart& part, std::string_view key, const Json& token, const Json& id) const {
    const uint32_t number = part.to_number(id, key);
    const std::string* const known = vocabulary_.token(number);
    part.check(known && *known == part.to_text(token, key), key, ": the vocabulary has no such token and id");
    return number;
  }
  // A pair such as ["</s>", 2].
  uint32_t token_of(const JsonPart& part, std::string_view key) const {
    const Json::Array& pair = part.array(key);
    part.check(pair.size() == 2, key, " is not a token with its id");
    return checked(part, key, pair[0], pair[1]);
  }
  void read_template(const JsonPart& part, std::string_view key, Elements& elements) const {
    elements.clear();
    size_t uses[2] = {0, 0};
    for (const Json& item : part.array(key)) {
      const JsonPart piece(item, part, key);
      if (piece.find("Sequence") != nullptr) {
        const JsonPart sequence = piece.part("Sequence");
        const std::string& id = sequence.text("id");
        sequence.check(id == "A" || id == "B", "id", " is not A or B: ", id);
        ++uses[id == "B"];
        add_text(elements, id == "B", sequence.number_or("type_id", 0));
      } else {
        const JsonPart token = piece.part("SpecialToken"), all = part.part("special_tokens");
        const JsonPart special = all.part(token.text("id"));
        const Json::Array &ids = special.array("ids"), &tokens = special.array("tokens");
        special.check(ids.size() == tokens.size(), "ids", " and tokens are not equally many");
        for (size_t i = 0; i < ids.size(); ++i) {
          add_special(elements, checked(special, "ids", tokens[i], ids[i]), token.number_or("type_id", 0));
        }
      }
    }
    part.check(uses[0] == 1 && uses[1] == (key == "pair" ? 1 : 0), key, " does not have each text once");
  }

  const Vocabulary& vocabulary_;
  PostProcessor& made_;
};

// --- truncation and padding

// The place of what `key` names in a list of names.
template <size_t N>
size_t choice_of(const JsonPart& part, std::string_view key, const char* const (&names)[N]) {
  const std::string& name = part.text(key);
  for (size_t i = 0; i < N; ++i) {
    if (name == names[i]) return i;
  }
  part.fail(key, " is unknown: ", name);
}

Side side_of(const JsonPart& part) {
  if (part.find("direction") == nullptr) return Side::Right;
  return static_cast<Side>(choice_of(part, "direction", {"Left", "Right"}));
}

Truncation read_truncation(const JsonPart& part) {
  Truncation made;
  made.strategy =
      static_cast<TruncationStrategy>(choice_of(part, "strategy", {"LongestFirst", "OnlyFirst", "OnlySecond"}));
  made.direction = side_of(part);
  made.max_length = part.number("max_length");
  made.stride = part.number_or("stride", 0);
  check_truncation(made);
  return made;
}

Padding read_padding(const JsonPart& part) {
  Padding made;
  made.direction = side_of(part);
  if (part.need("strategy").as<std::string>()) {
    choice_of(part, "strategy", {"BatchLongest"});
  } else {
    made.length = part.part("strategy").number("Fixed");
  }
  made.pad_to_multiple_of = part.number_or("pad_to_multiple_of", 0);
  made.pad_id = part.number("pad_id");
  made.pad_type_id = part.number("pad_type_id");
  made.pad_token = part.text("pad_token");
  check_padding(made);
  return made;
}

void read_tokenizer(const JsonPart& file, Tokenizer::Inside& inside) {
  if (file.find("normalizer") != nullptr) file.unsupported("normalizer ", file.part("normalizer").text("type"));
  if (file.find("pre_tokenizer") == nullptr) file.unsupported("a tokenizer without a pre_tokenizer");
  read_pre_tokenizer(file.part("pre_tokenizer"), inside.options);
  inside.joins_bytes = file.find("decoder") != nullptr;
  if (inside.joins_bytes) check_decoder(file.part("decoder"));
  read_model(file.part("model"), inside);
  read_added(file, inside);
  if (file.find("post_processor") != nullptr) {
    PostProcessorReader(*inside.vocabulary, inside.post_processor).read(file.part("post_processor"));
    JsonWriter writer(false);
    file.need("post_processor").write(writer);
    inside.post_processor_json = std::make_shared<const Json>(Json::parse(writer.text, file.where()));
  }
  if (file.find("truncation") != nullptr) inside.truncation = read_truncation(file.part("truncation"));
  if (file.find("padding") != nullptr) inside.padding = read_padding(file.part("padding"));
}

}  // namespace

Tokenizer Tokenizer::of_json(const std::string& text, const std::string& name) {
  const Json json = Json::parse(text, name);
  auto inside = std::make_unique<Inside>();
  of_file(name, [&] { read_tokenizer({json, name}, *inside); });
  return Tokenizer(std::move(inside));
}

Tokenizer Tokenizer::from_file(const std::string& path) { return of_json(read_all(path), path); }

Tokenizer Tokenizer::from_str(const std::string& json) { return of_json(json, "the tokenizer's text"); }

Tokenizer Tokenizer::from_files(const std::string& vocab, const std::string& merges, const ByteLevelOptions& options) {
  const Json json = Json::parse(read_all(vocab), vocab);
  std::vector<std::pair<std::string, uint32_t>> tokens;
  const JsonPart part(json, vocab);
  for (const auto& [token, id] : part.members()) tokens.emplace_back(token, part.to_number(id, token));
  const std::string text = read_all(merges);
  Pairs pairs;
  for (size_t at = 0, end; at < text.size(); at = end + 1) {
    end = std::min(text.find('\n', at), text.size());
    const std::string_view line = std::string_view(text).substr(at, end - at);
    if (line.starts_with("#version") || line.empty()) continue;
    TENON_CHECK_FILE(split_merge(line, pairs), merges + ": not of two tokens: " + std::string(line));
  }
  return of_file(vocab, [&] { return Tokenizer(tokens, pairs, options); });
}

}  // namespace tenon::text
