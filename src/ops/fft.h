// The recorded Fourier transforms along one dim, which the ops of fft.cpp and spectrum.cpp are made of.
#pragma once

#include "tenon/tensor/tensor.h"

namespace tenon {

// scale times the sums of self e^(-2 pi i j k / n), or with + unless `forward`; self is complex.
Tensor fft_complex(const Tensor& self, int64_t dim, bool forward, double scale);
// The first n / 2 + 1 of the forward sums; self is real.
Tensor fft_real(const Tensor& self, int64_t dim, double scale);
// The backward sums, real, of a transform of n elements of which self holds the first n / 2 + 1.
Tensor fft_half(const Tensor& self, int64_t dim, int64_t n, double scale);

// What a transform of n elements is multiplied by under a normalization mode.
double fft_scale(const char* op, optional<std::string_view> norm, double n, bool forward);

}  // namespace tenon
