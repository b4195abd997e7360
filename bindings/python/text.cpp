// Tokenizers for Python, as _C.text; tenon/text has their Python face.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <mutex>
#include <shared_mutex>

#include "python.h"
#include "stable_abi.h"
#include "tenon/text/tokenizer.h"

namespace tenon::python {
namespace {

using text::AddedToken;
using text::Encoding;
using text::Token;

constexpr auto kUnit = text::OffsetUnit::Character;

// The UTF-8 of a str, which it keeps.
std::string_view utf8_of(nb::handle object, const char* what) {
  TENON_CHECK_TYPE(PyUnicode_Check(object.ptr()), what, " must be a str, got ", type_name(object.ptr()));
  Py_ssize_t size = 0;
  const char* const bytes = PyUnicode_AsUTF8AndSize(object.ptr(), &size);
  if (bytes == nullptr) throw_python_error();
  return {bytes, static_cast<size_t>(size)};
}

// A str of bytes, of which those that are no UTF-8 become replacement characters.
nb::object to_str(std::string_view bytes) {
  return steal(PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), "replace"));
}

// A list of what `make` gives for each number below `count`.
template <class Make>
nb::object list_of(size_t count, Make&& make) {
  nb::object list = steal(PyList_New(static_cast<Py_ssize_t>(count)));
  for (size_t i = 0; i < count; ++i) {
    set_list_item(list.ptr(), static_cast<Py_ssize_t>(i), checked(make(i)));
  }
  return list;
}
template <class Get>
nb::object numbers_of(const Encoding& encoding, Get&& get) {
  return list_of(encoding.size(), [&](size_t i) { return PyLong_FromUnsignedLong(get(encoding.tokens[i])); });
}
PyObject* number_or_none(bool is_number, unsigned long number) {
  return is_number ? PyLong_FromUnsignedLong(number) : nb::none().release().ptr();
}

std::vector<uint32_t> ids_of(nb::handle object) {
  nb::object items = steal(PySequence_Fast(object.ptr(), "ids must be a sequence of integers"));
  std::vector<uint32_t> ids;
  for (Py_ssize_t i = 0; i < sequence_size(items.ptr()); ++i) {
    const unsigned long id = PyLong_AsUnsignedLong(sequence_item(items.ptr(), i));
    if (id == static_cast<unsigned long>(-1) && PyErr_Occurred()) throw_python_error();
    if (id > UINT32_MAX) {
      PyErr_SetString(PyExc_OverflowError, "an id does not fit in 32 bits");
      throw_python_error();
    }
    ids.push_back(static_cast<uint32_t>(id));
  }
  return ids;
}

// (content, single_word, lstrip, rstrip, normalized, special)

std::vector<AddedToken> added_tokens_of(nb::handle items) {
  std::vector<AddedToken> tokens;
  for (nb::handle item : items) {
    const auto flag = [&](int i) { return nb::cast<bool>(item[i]); };
    tokens.push_back(
        {std::string(utf8_of(nb::object(item[0]), "a token")), flag(1), flag(2), flag(3), flag(4), flag(5)});
  }
  return tokens;
}

// A tokenizer that Python threads share: who changes it waits until nobody reads it. Nobody waits with the GIL.
class Shared {
 public:
  explicit Shared(text::Tokenizer tokenizer) : tokenizer_(std::move(tokenizer)) {}

  template <class Use>
  auto read(Use&& use) const {
    const ReleaseGil gil;
    const std::shared_lock lock(mutex_);
    return use(tokenizer_);
  }
  template <class Use>
  auto change(Use&& use) {
    const ReleaseGil gil;
    const std::unique_lock lock(mutex_);
    return use(tokenizer_);
  }
  // A copy that nobody else sees.
  text::Tokenizer copy() const {
    return read([](const text::Tokenizer& tokenizer) { return tokenizer; });
  }
  void replace(text::Tokenizer tokenizer) {
    change([&](text::Tokenizer& old) { old = std::move(tokenizer); });
  }

 private:
  text::Tokenizer tokenizer_;
  mutable std::shared_mutex mutex_;
};

text::TrainingOptions training_options(uint64_t vocab_size, uint64_t min_frequency, nb::handle special_tokens,
                                       nb::object progress) {
  text::TrainingOptions options{vocab_size, min_frequency, added_tokens_of(special_tokens), {}};
  options.progress = [progress = std::move(progress)](const text::TrainingProgress& now) {
    const nb::gil_scoped_acquire gil;
    check_status(PyErr_CheckSignals());
    if (!progress.is_none()) progress(now.stage, now.done, now.total);
  };
  return options;
}

void train(Shared& self, const std::vector<std::string>& files, uint64_t vocab_size, uint64_t min_frequency,
           nb::handle special_tokens, nb::object progress) {
  // Trained aside: what was there serves until then, and stays where training fails.
  text::Tokenizer trained = self.copy();
  {
    const text::TrainingOptions options =
        training_options(vocab_size, min_frequency, special_tokens, std::move(progress));
    const ReleaseGil gil;
    trained.train(files, options);
  }
  self.replace(std::move(trained));
}

void train_from_iterator(Shared& self, nb::iterator texts, uint64_t vocab_size, uint64_t min_frequency,
                         nb::handle special_tokens, nb::object progress, uint64_t count) {
  text::Tokenizer trained = self.copy();
  const auto next = [&texts](std::string& text) {
    const nb::gil_scoped_acquire gil;
    if (texts == nb::iterator::sentinel()) return false;
    text = utf8_of(*texts, "a text");
    ++texts;
    return true;
  };
  {
    const text::TrainingOptions options =
        training_options(vocab_size, min_frequency, special_tokens, std::move(progress));
    const ReleaseGil gil;
    trained.train(next, options, count);
  }
  self.replace(std::move(trained));
}

Encoding encode(const Shared& self, nb::handle sequence, nb::handle pair, bool add_special_tokens) {
  const std::string_view first = utf8_of(sequence, "encode: the text");
  if (pair.is_none()) {
    return self.read([&](const text::Tokenizer& it) { return it.encode(first, add_special_tokens, kUnit); });
  }
  const std::string_view second = utf8_of(pair, "encode: the pair");
  return self.read([&](const text::Tokenizer& it) { return it.encode_pair(first, second, add_special_tokens, kUnit); });
}

nb::object encode_batch(const Shared& self, nb::handle input, bool add_special_tokens) {
  TENON_CHECK_TYPE(!PyUnicode_Check(input.ptr()), "encode_batch: expected a sequence of texts, got one str");
  // A tuple keeps its items while other threads run.
  const nb::object items = steal(PySequence_Tuple(input.ptr()));
  const Py_ssize_t count = tuple_size(items.ptr());
  std::vector<std::string_view> texts;
  std::vector<std::array<std::string_view, 2>> pairs;
  const bool has_pairs = count > 0 && !PyUnicode_Check(tuple_item(items.ptr(), 0));
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* const item = tuple_item(items.ptr(), i);
    if (!has_pairs) {
      texts.push_back(utf8_of(item, "encode_batch: a text"));
      continue;
    }
    TENON_CHECK_TYPE(PyTuple_Check(item) && tuple_size(item) == 2,
                     "encode_batch: expected texts or pairs of texts, got ", type_name(item));
    pairs.push_back(
        {utf8_of(tuple_item(item, 0), "encode_batch: a text"), utf8_of(tuple_item(item, 1), "encode_batch: a text")});
  }
  std::vector<Encoding> encodings = self.read([&](const text::Tokenizer& it) {
    return has_pairs ? it.encode_pairs(pairs, add_special_tokens, kUnit)
                     : it.encode_batch(texts, add_special_tokens, kUnit);
  });
  return list_of(encodings.size(), [&](size_t i) { return nb::cast(std::move(encodings[i])).release().ptr(); });
}

nb::object decode_batch(const Shared& self, nb::handle sequences, bool skip_special_tokens) {
  std::vector<std::vector<uint32_t>> ids;
  for (nb::handle sequence : sequences) ids.push_back(ids_of(sequence));
  const std::vector<std::string> texts =
      self.read([&](const text::Tokenizer& it) { return it.decode_batch(ids, skip_special_tokens); });
  return list_of(texts.size(), [&](size_t i) { return to_str(texts[i]).release().ptr(); });
}

// --- padding and truncation as dicts

text::Side side_of(const std::string& direction) {
  TENON_CHECK_VALUE(direction == "left" || direction == "right", "direction must be 'left' or 'right', got '",
                    direction, "'");
  return direction == "left" ? text::Side::Left : text::Side::Right;
}
const char* side_name(text::Side side) { return side == text::Side::Left ? "left" : "right"; }

constexpr const char* kStrategies[] = {"longest_first", "only_first", "only_second"};

text::TruncationStrategy strategy_of(const std::string& name) {
  for (size_t i = 0; i < std::size(kStrategies); ++i) {
    if (name == kStrategies[i]) return static_cast<text::TruncationStrategy>(i);
  }
  detail::fail<ValueError>("strategy must be 'longest_first', 'only_first' or 'only_second', got '", name, "'");
}

nb::object padding_dict(const Shared& self) {
  const auto padding = self.read([](const text::Tokenizer& it) { return it.padding(); });
  if (!padding) return nb::none();
  nb::dict made;
  made["length"] = padding->length;
  made["pad_to_multiple_of"] =
      padding->pad_to_multiple_of > 0 ? nb::object(nb::int_(padding->pad_to_multiple_of)) : nb::none();
  made["pad_id"] = padding->pad_id;
  made["pad_token"] = padding->pad_token;
  made["pad_type_id"] = padding->pad_type_id;
  made["direction"] = side_name(padding->direction);
  return made;
}

nb::object truncation_dict(const Shared& self) {
  const auto truncation = self.read([](const text::Tokenizer& it) { return it.truncation(); });
  if (!truncation) return nb::none();
  nb::dict made;
  made["max_length"] = truncation->max_length;
  made["stride"] = truncation->stride;
  made["strategy"] = kStrategies[static_cast<size_t>(truncation->strategy)];
  made["direction"] = side_name(truncation->direction);
  return made;
}

// --- encodings

nb::object tokens_of(const Encoding& self) {
  return list_of(self.size(), [&](size_t i) { return to_str(self.text_of(i)).release().ptr(); });
}

nb::object offsets_of(const Encoding& self) {
  return list_of(self.size(),
                 [&](size_t i) { return nb::make_tuple(self.tokens[i].begin, self.tokens[i].end).release().ptr(); });
}

// The first place whose token `fits`, or None.
template <class Fits>
nb::object first_that(const Encoding& self, Fits&& fits) {
  for (size_t i = 0; i < self.size(); ++i) {
    if (fits(self.tokens[i])) return nb::int_(i);
  }
  return nb::none();
}

// The places from the first to the last token of a word, or None.
nb::object word_to_tokens(const Encoding& self, uint32_t word, int sequence) {
  size_t begin = self.size(), end = 0;
  for (size_t i = 0; i < self.size(); ++i) {
    if (self.tokens[i].word != word || self.tokens[i].sequence != sequence) continue;
    begin = std::min(begin, i);
    end = i + 1;
  }
  if (end == 0) return nb::none();
  return nb::make_tuple(begin, end);
}

nb::object word_to_chars(const Encoding& self, uint32_t word, int sequence) {
  uint32_t begin = UINT32_MAX, end = 0;
  for (const Token& token : self.tokens) {
    if (token.word != word || token.sequence != sequence) continue;
    begin = std::min(begin, token.begin);
    end = std::max(end, token.end);
  }
  if (begin == UINT32_MAX) return nb::none();
  return nb::make_tuple(begin, end);
}

auto covers(uint32_t place, int sequence) {
  return [=](const Token& token) { return token.sequence == sequence && token.begin <= place && place < token.end; };
}

Encoding merged(nb::handle encodings, bool growing_offsets) {
  Encoding whole;
  for (nb::handle one : encodings) whole.append(nb::cast<const Encoding&>(one), growing_offsets);
  return whole;
}

void add_encoding(nb::module_& module) {
  const auto words = [](const Encoding& self) {
    return list_of(self.size(), [&](size_t i) {
      return number_or_none(self.tokens[i].word != Token::kNoWord, self.tokens[i].word);
    });
  };
  nb::class_<Encoding>(module, "Encoding")
      .def("__len__", &Encoding::size)
      .def_prop_ro("ids", [](const Encoding& self) { return numbers_of(self, [](auto& it) { return it.id; }); })
      .def_prop_ro("type_ids",
                   [](const Encoding& self) { return numbers_of(self, [](auto& it) { return it.type_id; }); })
      .def_prop_ro("tokens", tokens_of)
      .def_prop_ro("offsets", offsets_of)
      .def_prop_ro("attention_mask",
                   [](const Encoding& self) { return numbers_of(self, [](auto& it) { return it.padding ? 0u : 1u; }); })
      .def_prop_ro("special_tokens_mask",
                   [](const Encoding& self) { return numbers_of(self, [](auto& it) { return it.special ? 1u : 0u; }); })
      .def_prop_ro("word_ids", words)
      .def_prop_ro("words", words)
      .def_prop_ro("sequence_ids",
                   [](const Encoding& self) {
                     return list_of(self.size(), [&](size_t i) {
                       const int sequence = self.tokens[i].sequence;
                       return number_or_none(sequence >= 0, static_cast<unsigned long>(sequence));
                     });
                   })
      .def_prop_ro("n_sequences", [](const Encoding& self) { return self.sequences; })
      .def_prop_ro("overflowing", [](const Encoding& self) { return self.overflowing; })
      .def(
          "pad",
          [](Encoding& self, size_t length, const std::string& direction, uint32_t pad_id, uint32_t pad_type_id,
             const std::string& pad_token) {
            self.pad(length, {side_of(direction), {}, 0, pad_id, pad_type_id, pad_token});
          },
          nb::arg("length"), nb::arg("direction") = "right", nb::arg("pad_id") = 0, nb::arg("pad_type_id") = 0,
          nb::arg("pad_token") = "[PAD]")
      .def(
          "truncate",
          [](Encoding& self, size_t max_length, size_t stride, const std::string& direction) {
            self.truncate(max_length, stride, side_of(direction));
          },
          nb::arg("max_length"), nb::arg("stride") = 0, nb::arg("direction") = "right")
      .def_static("merge", merged, nb::arg("encodings"), nb::arg("growing_offsets") = true)
      .def(
          "char_to_token",
          [](const Encoding& self, uint32_t char_pos, int sequence) {
            return first_that(self, covers(char_pos, sequence));
          },
          nb::arg("char_pos"), nb::arg("sequence_index") = 0)
      .def(
          "char_to_word",
          [](const Encoding& self, uint32_t char_pos, int sequence) -> nb::object {
            const nb::object token = first_that(self, covers(char_pos, sequence));
            if (token.is_none()) return token;
            const uint32_t word = self.tokens[nb::cast<size_t>(token)].word;
            return steal(number_or_none(word != Token::kNoWord, word));
          },
          nb::arg("char_pos"), nb::arg("sequence_index") = 0)
      .def(
          "token_to_chars",
          [](const Encoding& self, size_t token) -> nb::object {
            if (token >= self.size() || self.tokens[token].sequence < 0) return nb::none();
            return nb::make_tuple(self.tokens[token].begin, self.tokens[token].end);
          },
          nb::arg("token_index"))
      .def(
          "token_to_word",
          [](const Encoding& self, size_t token) {
            const bool has = token < self.size() && self.tokens[token].word != Token::kNoWord;
            return steal(number_or_none(has, has ? self.tokens[token].word : 0));
          },
          nb::arg("token_index"))
      .def(
          "token_to_sequence",
          [](const Encoding& self, size_t token) {
            const bool has = token < self.size() && self.tokens[token].sequence >= 0;
            return steal(number_or_none(has, has ? static_cast<unsigned long>(self.tokens[token].sequence) : 0));
          },
          nb::arg("token_index"))
      .def("word_to_tokens", word_to_tokens, nb::arg("word_index"), nb::arg("sequence_index") = 0)
      .def("word_to_chars", word_to_chars, nb::arg("word_index"), nb::arg("sequence_index") = 0);
}

nb::list added_list(const Shared& self) {
  nb::list made;
  const auto added = self.read([](const text::Tokenizer& it) { return it.added_tokens(); });
  for (const auto& [id, it] : added) {
    made.append(nb::make_tuple(id, it.content, it.single_word, it.lstrip, it.rstrip, it.normalized, it.special));
  }
  return made;
}

text::ByteLevelOptions byte_level(bool add_prefix_space, bool trim_offsets) {
  return {add_prefix_space, trim_offsets, true};
}

}  // namespace

void init_text(nb::module_& module) {
  nb::module_ texts = module.def_submodule("text");
  add_encoding(texts);
  nb::class_<Shared>(texts, "Tokenizer")
      .def("__init__",
           [](Shared* self, bool add_prefix_space, bool trim_offsets) {
             new (self) Shared(text::Tokenizer(byte_level(add_prefix_space, trim_offsets)));
           })
      .def(
          "set_model",
          [](Shared& self, const std::vector<std::pair<std::string, uint32_t>>& vocab,
             const std::vector<std::pair<std::string, std::string>>& merges, bool add_prefix_space, bool trim_offsets) {
            self.replace(text::Tokenizer(vocab, merges, byte_level(add_prefix_space, trim_offsets)));
          })
      .def("load_file", [](Shared& self, const std::string& path) { self.replace(text::Tokenizer::from_file(path)); })
      .def("load_str",
           [](Shared& self, nb::handle json) {
             self.replace(text::Tokenizer::from_str(std::string(utf8_of(json, "from_str: the text"))));
           })
      .def("load_files",
           [](Shared& self, const std::string& vocab, const std::string& merges, bool add_prefix_space,
              bool trim_offsets) {
             self.replace(text::Tokenizer::from_files(vocab, merges, byte_level(add_prefix_space, trim_offsets)));
           })
      .def("save", [](const Shared& self, const std::string& path,
                      bool pretty) { self.read([&](const text::Tokenizer& it) { it.save(path, pretty); }); })
      .def("to_str",
           [](const Shared& self, bool pretty) {
             return self.read([&](const text::Tokenizer& it) { return it.to_str(pretty); });
           })
      .def("save_model",
           [](const Shared& self, const std::string& folder, const std::string& prefix) {
             return self.read([&](const text::Tokenizer& it) { return it.save_model(folder, prefix); });
           })
      .def("train", train, nb::arg("files"), nb::arg("vocab_size"), nb::arg("min_frequency"), nb::arg("special_tokens"),
           nb::arg("progress").none())
      .def("train_from_iterator", train_from_iterator, nb::arg("iterator"), nb::arg("vocab_size"),
           nb::arg("min_frequency"), nb::arg("special_tokens"), nb::arg("progress").none(), nb::arg("count"))
      .def("encode", encode, nb::arg("sequence"), nb::arg("pair").none(), nb::arg("add_special_tokens"))
      .def("encode_batch", encode_batch, nb::arg("input"), nb::arg("add_special_tokens"))
      .def("decode",
           [](const Shared& self, nb::handle sequence, bool skip_special_tokens) {
             const std::vector<uint32_t> ids = ids_of(sequence);
             return to_str(self.read([&](const text::Tokenizer& it) { return it.decode(ids, skip_special_tokens); }));
           })
      .def("decode_batch", decode_batch)
      .def("token_to_id",
           [](const Shared& self, nb::handle token) {
             const std::string_view text = utf8_of(token, "token_to_id: the token");
             return self.read([&](const text::Tokenizer& it) { return it.token_to_id(text); });
           })
      .def("id_to_token",
           [](const Shared& self, uint32_t id) {
             return self.read([&](const text::Tokenizer& it) { return it.id_to_token(id); });
           })
      .def("get_vocab",
           [](const Shared& self, bool with_added_tokens) {
             return self.read([&](const text::Tokenizer& it) { return it.get_vocab(with_added_tokens); });
           })
      .def("get_vocab_size",
           [](const Shared& self, bool with_added_tokens) {
             return self.read([&](const text::Tokenizer& it) { return it.get_vocab_size(with_added_tokens); });
           })
      .def("add_tokens",
           [](Shared& self, nb::handle tokens) {
             const std::vector<AddedToken> given = added_tokens_of(tokens);
             return self.change([&](text::Tokenizer& it) { return it.add_tokens(given); });
           })
      .def("added_tokens", added_list)
      .def("num_special_tokens_to_add",
           [](const Shared& self, bool is_pair) {
             return self.read([&](const text::Tokenizer& it) { return it.num_special_tokens_to_add(is_pair); });
           })
      .def(
          "set_padding",
          [](Shared& self, const std::string& direction, uint32_t pad_id, uint32_t pad_type_id,
             const std::string& pad_token, std::optional<uint32_t> length, std::optional<uint32_t> multiple) {
            const text::Padding padding{side_of(direction), length,   multiple.value_or(0), pad_id,
                                        pad_type_id,        pad_token};
            self.change([&](text::Tokenizer& it) { it.set_padding(padding); });
          },
          nb::arg("direction"), nb::arg("pad_id"), nb::arg("pad_type_id"), nb::arg("pad_token"),
          nb::arg("length").none(), nb::arg("pad_to_multiple_of").none())
      .def("no_padding", [](Shared& self) { self.change([](text::Tokenizer& it) { it.set_padding({}); }); })
      .def("padding", padding_dict)
      .def("set_truncation",
           [](Shared& self, uint64_t max_length, uint64_t stride, const std::string& strategy,
              const std::string& direction) {
             const text::Truncation truncation{max_length, stride, strategy_of(strategy), side_of(direction)};
             self.change([&](text::Tokenizer& it) { it.set_truncation(truncation); });
           })
      .def("no_truncation", [](Shared& self) { self.change([](text::Tokenizer& it) { it.set_truncation({}); }); })
      .def("truncation", truncation_dict);
}

}  // namespace tenon::python
