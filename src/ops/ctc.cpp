// The loss of connectionist temporal classification.
#include <algorithm>
#include <vector>

#include "autograd/record.h"
#include "backend/kernels_of.h"
#include "ops/autocast.h"
#include "ops/loss.h"
#include "tenon/base/shape.h"
#include "tensor/make.h"

namespace tenon {
namespace {

constexpr const char* kOp = "ctc_loss";

// The lengths and labels of a batch, checked, and what a geometry borrows.
class Sequences {
 public:
  Sequences(const Tensor& log_probs, const Tensor& targets, IntArrayRef inputs, IntArrayRef labels, int64_t blank)
      : inputs_(inputs.vec()), labels_(labels.vec()) {
    steps_ = log_probs.size(0);
    const int64_t batch = log_probs.size(1);
    classes_ = log_probs.size(2);
    blank_ = blank;
    TENON_CHECK(blank >= 0 && blank < classes_, kOp, ": blank must be in label range, 0 to ", classes_ - 1, ", got ",
                blank);
    TENON_CHECK(targets.dtype() == kLong || targets.dtype() == kInt, kOp, ": targets must be int32 or int64, got ",
                targets.dtype());
    check_lengths("input_lengths", inputs, batch, steps_);
    check_lengths("target_lengths", labels, batch, targets.dim() == 2 ? targets.size(1) : targets.numel());
    targets_ = targets.cpu().to(kLong).contiguous();
    place(batch);
    const int64_t* all = targets_.data_ptr<int64_t>();
    for (size_t b = 0; b < start_.size(); ++b) {
      longest_ = std::max(longest_, labels_[b]);
      for (int64_t i = 0; i < labels_[b]; ++i) {
        const int64_t label = all[start_[b] + i];
        TENON_CHECK(label >= 0 && label < classes_, kOp, ": targets hold ", label, ", but the classes are 0 to ",
                    classes_ - 1);
      }
    }
  }

  CtcGeometry geometry() const {
    return {.steps = steps_,
            .batch = static_cast<int64_t>(start_.size()),
            .classes = classes_,
            .blank = blank_,
            .inputs = inputs_.data(),
            .labels = labels_.data(),
            .start = start_.data(),
            .targets = targets_.data_ptr<int64_t>(),
            .longest = longest_};
  }

 private:
  static void check_lengths(const char* name, IntArrayRef lengths, int64_t batch, int64_t most) {
    TENON_CHECK(static_cast<int64_t>(lengths.size()) == batch, kOp, ": ", name, " must be of size batch_size, ", batch,
                ", got ", lengths.size());
    for (int64_t length : lengths) {
      TENON_CHECK(length >= 0 && length <= most, kOp, ": Expected ", name, " to have value between 0 and ", most,
                  ", but got value ", length);
    }
  }

  // Where the labels of each sequence begin: in rows of their own, or one sequence after the other.
  void place(int64_t batch) {
    const bool rows = targets_.dim() == 2;
    TENON_CHECK(rows ? targets_.size(0) == batch : targets_.dim() == 1, kOp, ": targets must be 1-d, or 2-d with ",
                batch, " rows, got shape ", targets_.sizes());
    int64_t total = 0;
    for (size_t b = 0; b < static_cast<size_t>(batch); ++b) {
      start_.push_back(rows ? static_cast<int64_t>(b) * targets_.size(1) : total);
      total += labels_[b];
      TENON_CHECK(rows || total <= targets_.numel(), kOp, ": target_lengths exceed the ", targets_.numel(),
                  " labels of targets");
    }
  }

  std::vector<int64_t> inputs_, labels_, start_;
  Tensor targets_;
  int64_t steps_ = 0, classes_ = 0, blank_ = 0, longest_ = 0;
};

const CtcKernels& ctc_kernels(const Tensor& x) {
  return kernels_of<&Backend::ctc>(x.device(), kOp);
}

// The loss of each sequence.
Tensor losses(const Tensor& log_probs, Sequences sequences, bool zero_infinity) {
  Tensor loss, alpha;
  {
    NoGradGuard no_grad;
    const Tensor p = log_probs.contiguous();
    const CtcGeometry g = sequences.geometry();
    loss = make_tensor({g.batch}, p.dtype(), p.device(), kOp);
    alpha = make_tensor({g.batch, g.steps, g.states()}, p.dtype(), p.device(), kOp);
    ctc_kernels(p).forward(view_of(loss), view_of(alpha), view_of(p), g);
  }
  const Tensor result = zero_infinity ? loss.masked_fill(loss.isinf(), Scalar(0)) : loss.clone();
  return record(kOp, result, {&log_probs}, {&log_probs, &loss, &alpha},
                [sequences = std::move(sequences), zero_infinity](const BackwardContext& ctx) -> Grads {
                  const Tensor p = ctx.saved(0), loss = ctx.saved(1), given = ctx.grad();
                  Tensor grad;
                  {
                    NoGradGuard no_grad;
                    Tensor scale = given.contiguous();
                    if (zero_infinity) scale = scale.masked_fill(loss.isinf(), Scalar(0));
                    grad = make_tensor(p.sizes(), p.dtype(), p.device(), kOp);
                    ctc_kernels(p).gradient(view_of(grad), view_of(scale), view_of(loss), view_of(ctx.saved(2)),
                                           view_of(p.contiguous()), sequences.geometry());
                  }
                  return {record("ctc_loss_gradient", grad, {&p, &given}, {}, [](const BackwardContext&) -> Grads {
                    detail::fail<NotImplementedError>(kOp, ": the derivative of its gradient is not implemented");
                  })};
                });
}

std::vector<int64_t> integers(const char* name, const Tensor& lengths) {
  TENON_CHECK(is_integral(lengths.dtype(), false), kOp, ": ", name, " must be integral, got ", lengths.dtype());
  TENON_CHECK(lengths.dim() <= 1, kOp, ": ", name, " must be 1-d, got shape ", lengths.sizes());
  const Tensor flat = lengths.cpu().to(kLong).reshape({-1}).contiguous();
  return {flat.data_ptr<int64_t>(), flat.data_ptr<int64_t>() + flat.numel()};
}

}  // namespace

Tensor ctc_loss(const Tensor& log_probs, const Tensor& targets, IntArrayRef input_lengths, IntArrayRef target_lengths,
                int64_t blank, std::string_view reduction, bool zero_infinity) {
  TENON_AUTOCAST(ctc_loss, log_probs, targets, input_lengths, target_lengths, blank, reduction, zero_infinity)
  TENON_CHECK(log_probs.dim() == 3 || log_probs.dim() == 2, kOp,
              ": log_probs must be [time, batch, classes] or [time, classes], got shape ", log_probs.sizes());
  TENON_CHECK_AS(NotImplementedError, log_probs.dtype() == kFloat || log_probs.dtype() == kDouble, kOp,
                 ": not implemented for ", log_probs.dtype(), " tensors; it takes float32 and float64");
  check_reduction(kOp, reduction);
  const bool batched = log_probs.dim() == 3;
  const Tensor p = batched ? log_probs : log_probs.unsqueeze(1);
  TENON_CHECK(p.numel() > 0, kOp, ": log_probs must not be empty, got shape ", log_probs.sizes());
  const Tensor each = losses(p, Sequences(p, targets, input_lengths, target_lengths, blank), zero_infinity);
  if (reduction == "none") return batched ? each : each.squeeze(0);
  if (reduction == "sum") return each.sum();
  Tensor lengths = empty({static_cast<int64_t>(target_lengths.size())}, kLong);
  std::copy(target_lengths.begin(), target_lengths.end(), lengths.data_ptr<int64_t>());
  return (each / lengths.clamp_min(1).to(each.device(), each.dtype())).mean();
}

Tensor ctc_loss(const Tensor& log_probs, const Tensor& targets, const Tensor& input_lengths,
                const Tensor& target_lengths, int64_t blank, std::string_view reduction, bool zero_infinity) {
  TENON_AUTOCAST(ctc_loss, log_probs, targets, input_lengths, target_lengths, blank, reduction, zero_infinity)
  return ctc_loss(log_probs, targets, integers("input_lengths", input_lengths),
                  integers("target_lengths", target_lengths), blank, reduction, zero_infinity);
}

}  // namespace tenon
