// How tokenizers are read: tokenizer.json, and vocab.json with merges.txt.
#include <algorithm>

#include "io/source.h"
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
    detail::fail<io::FileError>(name, ": ", error.what());
  }
}

std::unique_ptr<Vocabulary> read_vocabulary(const JsonPart& part) {
  auto vocabulary = std::make_unique<Vocabulary>();
  for (const auto& [token, id] : part.members()) {
    TENON_CHECK_FILE(vocabulary->add(token, part.to_number(id, token)), part.path(token), ": the token or its id ",
                     *id.as<uint64_t>(), " is there twice");
  }
  return vocabulary;
}

std::pair<std::string, std::string> split_merge(std::string_view text, const std::string& where) {
  const size_t space = text.find(' ');
  TENON_CHECK_FILE(space != std::string::npos && text.find(' ', space + 1) == std::string::npos, where, ": merge '",
                   text, "' is not of two tokens");
  return {std::string(text.substr(0, space)), std::string(text.substr(space + 1))};
}

Pairs read_merges(const JsonPart& model) {
  Pairs merges;
  for (const Json& item : model.array("merges")) {
    if (const auto* const text = item.as<std::string>()) {
      merges.push_back(split_merge(*text, model.path("merges")));
      continue;
    }
    const auto& pair = model.typed<Json::Array>(item, "merges", "an array of pairs or strings");
    TENON_CHECK_FILE(pair.size() == 2, model.path("merges"), ": a merge is of ", pair.size(), " tokens, not 2");
    merges.emplace_back(model.typed<std::string>(pair[0], "merges", "an array of pairs of strings"),
                        model.typed<std::string>(pair[1], "merges", "an array of pairs of strings"));
  }
  return merges;
}

void read_model(const JsonPart& model, Tokenizer::Inside& inside) {
  const std::string type = model.text_or_none("type").value_or("BPE");
  if (type != "BPE") model.unsupported("type " + type);
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!model.text_or_none(key).value_or("").empty()) model.unsupported(key);
  }
  if (model.find("dropout") != nullptr) model.unsupported("dropout");
  if (model.flag("byte_fallback", false)) model.unsupported("byte_fallback");
  inside.model_options = {model.text_or_none("unk_token"), model.flag("fuse_unk", false),
                          model.flag("ignore_merges", false)};
  auto vocabulary = read_vocabulary(model.part("vocab"));
  std::vector<Merge> merges = resolve_merges(*vocabulary, read_merges(model), model.path("merges"));
  inside.set_model(std::move(vocabulary), std::move(merges));
}

void read_added(const JsonPart& file, Tokenizer::Inside& inside) {
  if (file.find("added_tokens") == nullptr) return;
  auto vocabulary = std::make_shared<Vocabulary>(*inside.vocabulary);
  std::vector<std::pair<uint32_t, AddedToken>> tokens;
  for (const Json& item : file.array("added_tokens")) {
    const JsonPart token(item, file.path("added_tokens"));
    const bool special = token.flag("special", false);
    tokens.emplace_back(token.number("id"),
                        AddedToken{token.text("content"), token.flag("single_word", false), token.flag("lstrip", false),
                                   token.flag("rstrip", false), token.flag("normalized", !special), special});
  }
  std::stable_sort(tokens.begin(), tokens.end(), [](auto& a, auto& b) { return a.first < b.first; });
  for (const auto& [id, token] : tokens) {
    const size_t before = vocabulary->added().size();
    vocabulary->add(token);
    TENON_CHECK_FILE(vocabulary->added().size() > before, file.path("added_tokens"), ": '", token.content,
                     "' is there twice or empty");
    const uint32_t due = *vocabulary->id(token.content);
    TENON_CHECK_FILE(due == id, file.path("added_tokens"), ": '", token.content, "' has the id ", id, "; ", due,
                     " is its place");
  }
  inside.set_vocabulary(std::move(vocabulary));
}

void read_pre_tokenizer(const JsonPart& part, ByteLevelOptions& options) {
  const std::string& type = part.text("type");
  if (type == "Sequence") {
    const Json::Array& parts = part.array("pretokenizers");
    if (parts.size() == 1) return read_pre_tokenizer({parts[0], part.path("pretokenizers")}, options);
  }
  if (type != "ByteLevel") part.unsupported("type " + type);
  options.add_prefix_space = part.flag("add_prefix_space", true);
  options.trim_offsets = part.flag("trim_offsets", true);
  options.use_regex = part.flag("use_regex", true);
}

void check_decoder(const JsonPart& part) {
  const std::string& type = part.text("type");
  if (type == "Sequence") {
    const Json::Array& parts = part.array("decoders");
    if (parts.size() == 1) return check_decoder({parts[0], part.path("decoders")});
  }
  if (type != "ByteLevel") part.unsupported("type " + type);
}

// --- post-processors

class PostProcessorReader {
 public:
  PostProcessorReader(const Vocabulary& vocabulary, PostProcessor& made) : vocabulary_(vocabulary), made_(made) {}

  void read(const JsonPart& part) {
    const std::string& type = part.text("type");
    if (type == "Sequence") {
      for (const Json& item : part.array("processors")) read({item, part.path("processors")});
    } else if (type == "ByteLevel") {
      made_.trim_offsets = part.flag("trim_offsets", true);
      made_.add_prefix_space = part.flag("add_prefix_space", true);
    } else if (type == "TemplateProcessing") {
      made_.single = read_template(part, "single");
      made_.pair = read_template(part, "pair");
    } else if (type == "RobertaProcessing") {
      made_.trim_offsets = part.flag("trim_offsets", true);
      made_.add_prefix_space = part.flag("add_prefix_space", true);
      const uint32_t sep = token_of(part, "sep"), cls = token_of(part, "cls");
      made_.single = {special({cls}, 0), text(0, 0), special({sep}, 0)};
      made_.pair = {special({cls}, 0), text(0, 0), special({sep, sep}, 0), text(1, 0), special({sep}, 0)};
    } else if (type == "BertProcessing") {
      const uint32_t sep = token_of(part, "sep"), cls = token_of(part, "cls");
      made_.single = {special({cls}, 0), text(0, 0), special({sep}, 0)};
      made_.pair = {special({cls}, 0), text(0, 0), special({sep}, 0), text(1, 1), special({sep}, 1)};
    } else {
      part.unsupported("type " + type);
    }
  }

 private:
  using Element = PostProcessor::Element;
  static Element text(uint8_t sequence, uint32_t type_id) { return {sequence, {}, type_id}; }
  static Element special(std::vector<uint32_t> ids, uint32_t type_id) { return {{}, std::move(ids), type_id}; }

  uint32_t checked(const JsonPart& part, const std::string& token, uint32_t id) const {
    const std::string* const known = vocabulary_.token(id);
    TENON_CHECK_FILE(known && *known == token, part.where(), " names the token '", token, "' with the id ", id,
                     ", which is not in the vocabulary");
    return id;
  }
  // A pair such as ["</s>", 2].
  uint32_t token_of(const JsonPart& part, std::string_view key) const {
    const Json::Array& pair = part.array(key);
    TENON_CHECK_FILE(pair.size() == 2, part.path(key), " is not a token with its id");
    return checked(part, part.typed<std::string>(pair[0], key, "a token with its id"), part.to_number(pair[1], key));
  }
  std::vector<uint32_t> ids_of(const JsonPart& part, const std::string& name) const {
    const JsonPart special = part.part("special_tokens").part(name);
    const Json::Array &ids = special.array("ids"), &tokens = special.array("tokens");
    TENON_CHECK_FILE(ids.size() == tokens.size(), special.where(), " has ", ids.size(), " ids and ", tokens.size(),
                     " tokens");
    std::vector<uint32_t> found;
    for (size_t i = 0; i < ids.size(); ++i) {
      found.push_back(checked(special, special.typed<std::string>(tokens[i], "tokens", "an array of strings"),
                              special.to_number(ids[i], "ids")));
    }
    return found;
  }
  std::vector<Element> read_template(const JsonPart& part, std::string_view key) const {
    std::vector<Element> elements;
    size_t uses[2] = {0, 0};
    for (const Json& item : part.array(key)) {
      const JsonPart piece(item, part.path(key));
      if (piece.find("Sequence") != nullptr) {
        const JsonPart sequence = piece.part("Sequence");
        const std::string& id = sequence.text("id");
        TENON_CHECK_FILE(id == "A" || id == "B", sequence.path("id"), " is '", id, "', not A or B");
        ++uses[id == "B"];
        elements.push_back(text(id == "B", sequence.number_or("type_id", 0)));
      } else {
        const JsonPart token = piece.part("SpecialToken");
        elements.push_back(special(ids_of(part, token.text("id")), token.number_or("type_id", 0)));
      }
    }
    TENON_CHECK_FILE(uses[0] == 1 && uses[1] == (key == "pair" ? 1 : 0), part.path(key),
                     " does not have each text once");
    return elements;
  }

  const Vocabulary& vocabulary_;
  PostProcessor& made_;
};

// --- truncation and padding

Side side_of(const JsonPart& part) {
  const std::string side = part.text_or_none("direction").value_or("Right");
  TENON_CHECK_FILE(side == "Left" || side == "Right", part.path("direction"), " is '", side, "', not Left or Right");
  return side == "Left" ? Side::Left : Side::Right;
}

Truncation read_truncation(const JsonPart& part) {
  const std::string& strategy = part.text("strategy");
  TENON_CHECK_FILE(strategy == "LongestFirst" || strategy == "OnlyFirst" || strategy == "OnlySecond",
                   part.path("strategy"), " is '", strategy, "', not LongestFirst, OnlyFirst or OnlySecond");
  const auto kind = strategy == "OnlyFirst"    ? TruncationStrategy::OnlyFirst
                    : strategy == "OnlySecond" ? TruncationStrategy::OnlySecond
                                               : TruncationStrategy::LongestFirst;
  const Truncation made{part.number("max_length"), part.number_or("stride", 0), kind, side_of(part)};
  check_truncation(made);
  return made;
}

Padding read_padding(const JsonPart& part) {
  Padding made;
  made.direction = side_of(part);
  if (const auto* const name = part.need("strategy").as<std::string>()) {
    TENON_CHECK_FILE(*name == "BatchLongest", part.path("strategy"), " is '", *name, "', not BatchLongest or Fixed");
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
  if (file.find("normalizer") != nullptr) {
    const JsonPart normalizer = file.part("normalizer");
    normalizer.unsupported("type " + normalizer.text("type"));
  }
  if (file.find("pre_tokenizer") == nullptr) file.unsupported("a tokenizer without a pre_tokenizer");
  read_pre_tokenizer(file.part("pre_tokenizer"), inside.options);
  inside.pre_tokenizer_json = file.need("pre_tokenizer");
  inside.joins_bytes = file.find("decoder") != nullptr;
  if (inside.joins_bytes) check_decoder(file.part("decoder"));
  read_model(file.part("model"), inside);
  read_added(file, inside);
  if (file.find("post_processor") != nullptr) {
    PostProcessorReader(*inside.vocabulary, inside.post_processor).read(file.part("post_processor"));
    inside.post_processor_json = file.need("post_processor");
  }
  if (file.find("truncation") != nullptr) inside.truncation = read_truncation(file.part("truncation"));
  if (file.find("padding") != nullptr) inside.padding = read_padding(file.part("padding"));
}

}  // namespace

Tokenizer Tokenizer::of_json(std::string_view text, const std::string& name) {
  const Json json = Json::parse(text, name);
  auto inside = std::make_unique<Inside>();
  of_file(name, [&] { read_tokenizer({json, name}, *inside); });
  return Tokenizer(std::move(inside));
}

Tokenizer Tokenizer::from_file(const std::string& path) { return of_json(read_all(path), path); }

Tokenizer Tokenizer::from_str(std::string_view json) { return of_json(json, "the tokenizer's text"); }

Tokenizer Tokenizer::from_files(const std::string& vocab, const std::string& merges, const ByteLevelOptions& options) {
  const Json json = Json::parse(read_all(vocab), vocab);
  std::vector<std::pair<std::string, uint32_t>> tokens;
  const JsonPart part(json, vocab);
  for (const auto& [token, id] : part.members()) tokens.emplace_back(token, part.to_number(id, token));
  const std::string text = read_all(merges);
  Pairs pairs;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = std::string_view(text).substr(at, end - at);
    if (!line.starts_with("#version") && !line.empty()) pairs.push_back(split_merge(line, merges));
    at = end + 1;
  }
  return of_file(vocab, [&] { return Tokenizer(tokens, pairs, options); });
}

}  // namespace tenon::text
