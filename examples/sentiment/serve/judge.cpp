// See judge.h. The model is that of train.py: an embedding, a GRU over the true length of each text, and a linear
// layer over its last state.
#include "serve/judge.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "tenon/autograd/grad_mode.h"
#include "tenon/base/parallel.h"
#include "tenon/io/safetensors.h"
#include "tenon/ops/ops.h"

namespace sentiment {
namespace {

using tenon::IntArrayRef;
using tenon::Tensor;
namespace io = tenon::io;
namespace text = tenon::text;

constexpr uint64_t kDefaultLength = 128, kGreatestLength = 4096;
constexpr const char* kPad = "<pad>";
// Of one product; many enough that its weights are read once for all, few enough for the caches.
constexpr size_t kBatchRows = 32;

const char* const kNames[] = {"embedding.weight",  "gru.weight_ih_l0", "gru.weight_hh_l0", "gru.bias_ih_l0",
                              "gru.bias_hh_l0", "ln1.weight",       "ln1.bias"};

// Reads tensors of a model by their names and checks them.
class ModelFile {
 public:
  explicit ModelFile(const std::string& path) : path_(path), file_(path) {
    const std::set<std::string> keys(file_.keys().begin(), file_.keys().end());
    for (const char* name : kNames) check(keys.contains(name), "has no tensor '", name, "'");
    for (const std::string& key : keys) {
      const bool known = std::find(std::begin(kNames), std::end(kNames), key) != std::end(kNames);
      check(known, "has a tensor '", key, "', which is none of this model");
    }
  }

  int64_t size(const char* name, size_t dim, size_t dims) const {
    const auto& shape = file_.entry(name).shape;
    const bool has_values = std::all_of(shape.begin(), shape.end(), [](int64_t length) { return length > 0; });
    check(shape.size() == dims && has_values, "tensor '", name, "' has shape ", IntArrayRef(shape), "; ", dims,
          " dims without an empty one are expected");
    return shape[dim];
  }

  Tensor tensor(const char* name, IntArrayRef shape) const {
    const auto& entry = file_.entry(name);
    check(entry.dtype == tenon::kFloat, "tensor '", name, "' is of ", entry.dtype, "; float32 is expected");
    check(IntArrayRef(entry.shape) == shape, "tensor '", name, "' has shape ", IntArrayRef(entry.shape), "; ", shape,
          " is expected");
    Tensor found = file_.tensor(name);
    const auto* const values = found.const_data_ptr<float>();
    const bool finite = std::all_of(values, values + found.numel(), [](float value) { return std::isfinite(value); });
    check(finite, "tensor '", name, "' has values that are infinite or no numbers");
    return found;
  }

 private:
  template <class... Parts>
  void check(bool condition, const Parts&... parts) const {
    if (!condition) throw io::FileError(tenon::concat(path_, ": ", parts...));
  }

  std::string path_;
  io::SafetensorsFile file_;
};

// The same matrix with columns that lie together. Products with it add up in one order, however many rows they have.
Tensor by_columns(const Tensor& matrix) { return matrix.t().contiguous().t(); }

}  // namespace

Judge::Judge(const std::string& model, const std::string& tokenizer)
    : tokenizer_(text::Tokenizer::from_file(tokenizer)) {
  const ModelFile file(model);
  const int64_t words = file.size(kNames[0], 0, 2), features = file.size(kNames[0], 1, 2);
  const int64_t hidden = file.size("gru.weight_hh_l0", 1, 2);
  embedding_ = file.tensor(kNames[0], {words, features});
  weight_ih_ = by_columns(file.tensor("gru.weight_ih_l0", {3 * hidden, features}));
  weight_hh_ = file.tensor("gru.weight_hh_l0", {3 * hidden, hidden});
  bias_ih_ = file.tensor("gru.bias_ih_l0", {3 * hidden});
  bias_hh_ = file.tensor("gru.bias_hh_l0", {3 * hidden});
  out_weight_ = file.tensor("ln1.weight", {2, hidden});
  out_bias_ = file.tensor("ln1.bias", {2});

  const auto fail = [&](const auto&... parts) { throw io::FileError(tenon::concat(tokenizer, ": ", parts...)); };
  const auto pad = tokenizer_.token_to_id(kPad);
  if (!pad) fail("has no token ", kPad, ", which stands for an empty text");
  pad_ = *pad;
  for (const auto& [token, id] : tokenizer_.get_vocab()) {
    if (id >= words) fail("token ", id, " is beyond the ", words, " rows of the model's embedding");
  }
  text::Truncation truncation{.max_length = kDefaultLength};
  if (const auto& wanted = tokenizer_.truncation()) {
    truncation.max_length = wanted->max_length;
    truncation.direction = wanted->direction;
  }
  const uint64_t length = truncation.max_length;
  if (length == 0 || length > kGreatestLength) {
    fail("cuts texts after ", length, " tokens; 1 to ", kGreatestLength, " are allowed");
  }
  // Without a stride: the parts of a text that are not looked at would overlap, and take much memory.
  tokenizer_.set_truncation(truncation);
  tokenizer_.set_padding(std::nullopt);
}

Judge::Ids Judge::ids_of(const text::Encoding& encoding) const {
  Ids ids = encoding.ids();
  if (ids.empty()) ids.push_back(pad_);
  return ids;
}

std::vector<Answer> Judge::answer(std::span<const std::string_view> texts) const {
  std::vector<Ids> ids;
  ids.reserve(texts.size());
  for (const text::Encoding& encoding : tokenizer_.encode_batch(texts)) ids.push_back(ids_of(encoding));
  // Texts of about one length share a product at each step.
  std::vector<size_t> order(texts.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return ids[a].size() > ids[b].size(); });
  std::vector<Answer> answers(texts.size());
  tenon::parallel_for(0, static_cast<int64_t>(order.size()), kBatchRows, [&](int64_t begin, int64_t end) {
    answer_batch(std::span(order).subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin)), ids, answers);
  });
  return answers;
}

// `texts` are sorted by length, the longest first. Steps are packed, so that nothing is computed for padding.
void Judge::answer_batch(std::span<const size_t> texts, const std::vector<Ids>& ids,
                         std::vector<Answer>& answers) const {
  const tenon::NoGradGuard no_grad;
  std::vector<int64_t> words, rows;
  for (size_t step = 0, left = texts.size(); step < ids[texts.front()].size(); ++step) {
    while (ids[texts[left - 1]].size() <= step) --left;
    for (size_t row = 0; row < left; ++row) words.push_back(ids[texts[row]][step]);
    rows.push_back(static_cast<int64_t>(left));
  }
  const auto view = [](std::vector<int64_t>& numbers) {
    return tenon::from_blob(numbers.data(), {static_cast<int64_t>(numbers.size())}, tenon::kLong);
  };
  const Tensor start = tenon::zeros({1, static_cast<int64_t>(texts.size()), weight_hh_.size(1)});
  const auto [outputs, last] = tenon::gru(tenon::embedding(view(words), embedding_), view(rows), start,
                                          {weight_ih_, weight_hh_, bias_ih_, bias_hh_}, true, 1, 0, false, false);
  const auto* state = last.const_data_ptr<float>();
  for (const size_t text : texts) {
    answers[text] = answer_of(state);
    state += weight_hh_.size(1);
  }
}

Answer Judge::answer_of(const float* state) const {
  const auto* const weight = out_weight_.const_data_ptr<float>();
  const auto* const bias = out_bias_.const_data_ptr<float>();
  const int64_t size = out_weight_.size(1);
  const float negative = std::inner_product(state, state + size, weight, bias[0]);
  const float positive = std::inner_product(state, state + size, weight + size, bias[1]);
  const float lead = positive - negative;
  if (!std::isfinite(lead)) return {false, NAN};
  return {lead > 0, 1 / (1 + std::exp(-std::abs(lead)))};
}

}  // namespace sentiment
