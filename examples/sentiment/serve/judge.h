// The trained model and its tokenizer: texts to answers.
#pragma once

#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tenon/tensor/tensor.h"
#include "tenon/text/tokenizer.h"

namespace sentiment {

struct Answer {
  bool positive;
  float probability;  // of what it says; NaN where the model's numbers overflow

  bool is_known() const { return !std::isnan(probability); }
};

inline constexpr const char* kUnknown = "the model gives no number for a text";

class Judge {
 public:
  // Checks all of both files that answers depend on; throws what says how they do not fit.
  Judge(const std::string& model, const std::string& tokenizer);

  // In the order of the texts, on all threads. The answer to a text does not depend on the others.
  std::vector<Answer> answer(std::span<const std::string_view> texts) const;

 private:
  using Ids = std::vector<uint32_t>;
  Ids ids_of(const tenon::text::Encoding& encoding) const;
  void answer_batch(std::span<const size_t> texts, const std::vector<Ids>& ids, std::vector<Answer>& answers) const;
  Answer answer_of(const float* state) const;

  tenon::text::Tokenizer tokenizer_;
  uint32_t pad_ = 0;
  tenon::Tensor embedding_, weight_ih_, weight_hh_, bias_ih_, bias_hh_, out_weight_, out_bias_;
};

}  // namespace sentiment
