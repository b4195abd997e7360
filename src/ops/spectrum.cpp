// Short-time Fourier transforms: a signal cut into overlapping windows, and put together from them.
#include <algorithm>
#include <array>

#include "ops/autocast.h"
#include "ops/fft.h"
#include "tenon/base/shape.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

// The steps and the window of a call, checked.
struct Frames {
  int64_t n_fft, hop, length;
  Tensor window;  // of n_fft elements; undefined where it is all ones

  void check_window(const char* op, const optional<Tensor>& given) const {
    TENON_CHECK(0 < length && length <= n_fft, op, ": expected 0 < win_length <= n_fft, but got win_length=", length,
                " and n_fft=", n_fft);
    if (!given) return;
    TENON_CHECK(given->dim() == 1 && given->size(0) == length, op,
                ": expected a 1D window tensor of size equal to win_length=", length, ", but got window with size ",
                given->sizes());
  }

  // The window with zeros on both sides.
  void place_window(const optional<Tensor>& given, const TensorOptions& options) {
    if (!given && length == n_fft) return;
    const int64_t left = (n_fft - length) / 2;
    window = given ? *given : ones({length}, options);
    if (length < n_fft) window = constant_pad_nd(window, {left, n_fft - length - left});
  }
};

bool is_complex_window(const optional<Tensor>& window) { return window && window->is_complex(); }

// The transforms of frames are those of the whole length, or for real frames their first half.
void check_onesided(const char* op, bool onesided) {
  TENON_CHECK(!onesided, op, ": Cannot have onesided output if window or input is complex");
}

Tensor padded_signal(const Tensor& signal, int64_t amount, std::string_view mode) {
  const std::array<int64_t, 2> sides = {amount, amount};
  return pad(signal.unsqueeze(0), sides, mode, nullopt).squeeze(0);
}

// Frames [batch, time, n_fft] added where they lie in a signal.
Tensor overlap_add(const Tensor& frames, int64_t hop) {
  const int64_t batch = frames.size(0), count = frames.size(1), n = frames.size(2), size = n + hop * (count - 1);
  return unfold_backward(frames, {batch, size}, 1, n, hop);
}

}  // namespace

Tensor stft(const Tensor& self, int64_t n_fft, optional<int64_t> hop_length, optional<int64_t> win_length,
            const optional<Tensor>& window, bool center, std::string_view pad_mode, bool normalized,
            optional<bool> onesided, optional<bool> return_complex, optional<bool> align_to_window) {
  TENON_AUTOCAST(stft, self, n_fft, hop_length, win_length, window, center, pad_mode, normalized, onesided,
                 return_complex, align_to_window)
  const char* op = "stft";
  TENON_CHECK(!(center && align_to_window), op, ": align_to_window should only be set when center = false");
  const bool complex = self.is_complex() || is_complex_window(window);
  TENON_CHECK(return_complex || complex, op, ": requires the return_complex parameter be given for real inputs");
  TENON_CHECK(is_differentiable(self.dtype()), op, ": expected a tensor of floating point or complex values, got ",
              self.dtype());
  TENON_CHECK(self.dim() == 1 || self.dim() == 2, op, ": expected a 1D or 2D tensor, got shape ", self.sizes());
  Frames frames = {n_fft, hop_length.value_or(n_fft / 4), win_length.value_or(n_fft), Tensor()};
  Tensor signal = self.dim() == 1 ? self.unsqueeze(0) : self;
  if (center && n_fft > 0) signal = padded_signal(signal, n_fft / 2, pad_mode);
  if (align_to_window.value_or(false) && 0 < frames.length && frames.length < n_fft) {
    signal = padded_signal(signal, (n_fft - frames.length) / 2, "constant");
  }
  const int64_t size = signal.size(1);
  TENON_CHECK(0 < n_fft && n_fft <= size, op, ": expected 0 < n_fft < ", size, ", but got n_fft=", n_fft);
  TENON_CHECK(frames.hop > 0, op, ": expected hop_length > 0, but got hop_length=", frames.hop);
  frames.check_window(op, window);
  frames.place_window(window, signal.options().requires_grad(false));

  Tensor cut = signal.unfold(1, n_fft, frames.hop);
  if (frames.window.defined()) cut = cut * frames.window;
  const double scale = fft_scale(op, normalized ? "ortho" : "backward", static_cast<double>(n_fft), true);
  Tensor spectrum;
  if (complex) {
    check_onesided(op, onesided.value_or(false));
    spectrum = fft_complex(cut, 2, true, scale);
  } else if (onesided.value_or(true)) {
    spectrum = fft_real(cut, 2, scale);
  } else {
    spectrum = fft_complex(to_dtype(cut, to_complex(cut.dtype())), 2, true, scale);
  }
  spectrum = spectrum.transpose(1, 2);
  if (self.dim() == 1) spectrum = spectrum.squeeze(0);
  return return_complex.value_or(complex) ? spectrum : view_as_real(spectrum);
}

Tensor istft(const Tensor& self, int64_t n_fft, optional<int64_t> hop_length, optional<int64_t> win_length,
             const optional<Tensor>& window, bool center, bool normalized, optional<bool> onesided,
             optional<int64_t> length, bool return_complex) {
  const char* op = "istft";
  TENON_CHECK(self.is_complex(), op,
              ": requires a complex-valued input tensor matching the output from stft with return_complex=True.");
  TENON_CHECK(self.numel() > 0, op, ": input tensor cannot be empty.");
  TENON_CHECK(self.dim() == 2 || self.dim() == 3, op, ": expected a tensor with 2 or 3 dimensions, but got shape ",
              self.sizes());
  Frames frames = {n_fft, hop_length.value_or(n_fft / 4), win_length.value_or(n_fft), Tensor()};
  const int64_t bins = self.size(-2), count = self.size(-1);
  const bool halved = onesided.value_or(bins != n_fft);
  TENON_CHECK(bins == (halved ? n_fft / 2 + 1 : n_fft), op, ": expected the frequency dimension, of size ", bins,
              ", to match ", halved ? "n_fft / 2 + 1 when onesided=True" : "n_fft when onesided=False", ", n_fft=",
              n_fft);
  TENON_CHECK(0 < frames.hop && frames.hop <= frames.length, op, ": expected 0 < hop_length <= win_length, but got ",
              frames.hop, " and ", frames.length);
  frames.check_window(op, window);
  frames.place_window(window, TensorOptions(to_real(self.dtype())).device(self.device()));

  const Tensor spectra = (self.dim() == 2 ? self.unsqueeze(0) : self).transpose(1, 2);
  const double scale = fft_scale(op, normalized ? "ortho" : "backward", static_cast<double>(n_fft), false);
  Tensor cut;
  if (return_complex) {
    check_onesided(op, halved);
    cut = fft_complex(spectra, 2, false, scale);
  } else {
    TENON_CHECK(!is_complex_window(window), op, ": Complex windows are incompatible with return_complex=False");
    cut = fft_half(spectra.narrow(2, 0, n_fft / 2 + 1), 2, n_fft, scale);
  }
  Tensor weights = ones({1, 1, n_fft}, TensorOptions(to_real(self.dtype())).device(self.device()));
  if (frames.window.defined()) {
    cut = cut * frames.window;
    weights = square(frames.window).reshape({1, 1, n_fft});
  }
  const Tensor sum = overlap_add(cut, frames.hop), weight = overlap_add(weights.expand({1, count, n_fft}), frames.hop);
  const int64_t whole = n_fft + frames.hop * (count - 1), start = center ? n_fft / 2 : 0;
  const int64_t end = length ? checked_add(start, *length, op) : center ? whole - n_fft / 2 : whole;
  const Tensor kept = sum.slice(1, start, end), envelope = weight.slice(1, start, end);
  TENON_CHECK(envelope.numel() == 0 || abs(envelope).min().item<double>() > 1e-11, op,
              ": the windows leave parts of the signal uncovered: window overlap add min is ",
              abs(envelope).min().item<double>());
  Tensor signal = kept / envelope;
  if (end > whole) signal = constant_pad_nd(signal, {0, end - std::max(whole, start)});
  return self.dim() == 2 ? signal.squeeze(0) : signal;
}

}  // namespace tenon
