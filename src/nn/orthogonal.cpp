// The parametrization of orthogonal matrices; see parametrize.h.
#include <algorithm>

#include "nn/module_editor.h"
#include "tenon/autograd/grad_mode.h"
#include "tenon/nn/parametrize.h"
#include "tenon/ops/ops.h"

namespace tenon::nn::utils {
namespace {

enum class Map : uint8_t { MatrixExp, Cayley, Householder };

Tensor diagonal_of(const Tensor& matrices) { return matrices.diagonal(0, -2, -1); }

Tensor identity_like(const Tensor& matrices, int64_t size) {
  return eye(size, matrices.options().requires_grad(false));
}

double resolution(ScalarType dtype) { return dtype == kDouble || dtype == kComplexDouble ? 0x1p-52 : 0x1p-23; }

bool is_orthogonal(const Tensor& matrices) {
  const double room = 10.0 * static_cast<double>(matrices.size(-2)) * resolution(matrices.dtype());
  return allclose(matrices.mH().matmul(matrices), identity_like(matrices, matrices.size(-1)), 1e-5, room);
}

// The Q of a QR decomposition whose R has a positive diagonal.
Tensor made_orthogonal(const Tensor& matrices) {
  const auto [reflectors, tau] = geqrf(matrices);
  return linalg_householder_product(reflectors, tau) * diagonal_of(reflectors).sgn().unsqueeze(-2);
}

class Orthogonal : public parametrize::Parametrization {
  TENON_COPYABLE(Orthogonal)
  Orthogonal(Map map, bool use_trivialization) : map_(map), has_base_(use_trivialization) {}

  void reset() override {
    if (base_.defined()) base_ = register_buffer("base", empty_like(base_));
  }

  Tensor forward(const std::vector<Tensor>& originals) override {
    const Tensor& x = originals[0];
    const bool wide = x.size(-2) < x.size(-1);
    const Tensor tall = wide ? x.mT() : x;
    Tensor q = map_ == Map::Householder ? by_reflections(tall) : of_skew_matrix(tall);
    if (has_base_) q = base_.matmul(q);
    return wide ? q.mT() : q;
  }

  std::vector<Tensor> right_inverse(const Tensor& value) override {
    const bool wide = value.size(-2) < value.size(-1);
    const Tensor tall = wide ? value.mT() : value;
    if (!has_base_) {
      const Tensor reflectors = reflectors_of(tall);
      return {wide ? reflectors.mT() : reflectors};
    }
    const int64_t rows = tall.size(-2), columns = tall.size(-1);
    Tensor base = tall;
    if (rows != columns) {
      std::vector<int64_t> missing = tall.sizes().vec();
      missing.back() = rows - columns;
      base = cat({tall, randn(missing, tall.options().requires_grad(false))}, -1);
    }
    base = rows == columns && is_orthogonal(tall) ? tall.clone() : made_orthogonal(base);
    if (base_.defined()) {
      base_.set_data(base);
    } else {
      base_ = register_buffer("base", base);
    }
    // Minus the identity maps to the identity, for every map.
    const Tensor start = zeros_like(value);
    diagonal_of(start).fill_(-1);
    return {start};
  }

  void pretty_print(std::ostream& stream) const override { stream << "_Orthogonal()"; }

 private:
  Tensor of_skew_matrix(Tensor x) const {
    const int64_t rows = x.size(-2), columns = x.size(-1);
    x = x.tril();
    if (rows != columns) {
      std::vector<int64_t> missing = x.sizes().vec();
      missing.back() = rows - columns;
      x = cat({x, zeros(missing, x.options().requires_grad(false))}, -1);
    }
    const Tensor skew = x - x.mH();
    Tensor q;
    if (map_ == Map::MatrixExp) {
      q = matrix_exp(skew);
    } else {
      const Tensor identity = identity_like(skew, rows);
      q = linalg_solve(identity.add(skew, -0.5), identity.add(skew, 0.5));
    }
    return rows != columns ? q.narrow(-1, 0, columns) : q;
  }

  // Each column below the diagonal is a reflection; the diagonal holds the signs.
  static Tensor by_reflections(const Tensor& x) {
    const Tensor reflectors = x.tril(-1);
    const Tensor tau = 2.0 / ((reflectors * reflectors).sum({-2}) + 1.0);
    return linalg_householder_product(reflectors, tau) * diagonal_of(x).to(kInt).unsqueeze(-2);
  }

  Tensor reflectors_of(const Tensor& matrices) const {
    TENON_CHECK(map_ == Map::Householder,
                "It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                "use_trivialization=False.");
    const auto [reflectors, tau] = geqrf(matrices);
    const Tensor signs = diagonal_of(reflectors).sign();
    diagonal_of(reflectors).copy_(where(tau.eq(0), -signs, signs));
    return reflectors;
  }

  Map map_;
  bool has_base_;
  Tensor base_;
};

Map map_named(const std::string& name) {
  if (name == "matrix_exp") return Map::MatrixExp;
  if (name == "cayley") return Map::Cayley;
  TENON_CHECK_VALUE(name == "householder",
                    "orthogonal_map has to be one of \"matrix_exp\", \"cayley\", \"householder\". Got: ", name);
  return Map::Householder;
}

}  // namespace

void parametrizations::orthogonal(const KnownModule& known, const std::string& name, const std::string& orthogonal_map,
                                  bool use_trivialization) {
  const Tensor& weight = ModuleEditor(known.module()).parameter("orthogonal", name);
  TENON_CHECK_VALUE(weight.dim() >= 2, "Expected a matrix or batch of matrices. Got a tensor of ", weight.dim(),
                    " dimensions.");
  const bool square = weight.size(-2) == weight.size(-1);
  const Map map = !orthogonal_map.empty()         ? map_named(orthogonal_map)
                  : square || weight.is_complex() ? Map::MatrixExp
                                                  : Map::Householder;
  TENON_CHECK_VALUE(map != Map::Householder || !weight.is_complex(),
                    "The householder parametrization does not support complex tensors.");
  parametrize::register_parametrization(known, name, std::make_shared<Orthogonal>(map, use_trivialization), true);
}

}  // namespace tenon::nn::utils
