"""Distributions of vectors and matrices: normal ones, Wishart's, and correlations."""

from __future__ import annotations

import math
import warnings
from typing import Any

import tenon
from tenon import Size, Tensor
from tenon.distributions import constraints
from tenon.distributions.distribution import Distribution, ExponentialFamily
from tenon.distributions.gamma import Beta, Chi2
from tenon.distributions.utils import _standard_normal, broadcast_all, lazy_property


def _eye_like(matrix: Tensor) -> Tensor:
    return tenon.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)


def _times_vector(matrix: Tensor, vector: Tensor) -> Tensor:
    return (matrix @ vector.unsqueeze(-1)).squeeze(-1)


def _half_log_det(factor: Tensor) -> Tensor:
    # Of factor @ factor.mT, for a triangular factor.
    return factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def _squared_distance(factor: Tensor, vector: Tensor) -> Tensor:
    # Mahalanobis' distance from zero, squared, for Cholesky factors of covariances. Vectors that share a factor become
    # the columns of one right side.
    outer = vector.dim() + 1 - factor.dim()
    columns = vector.reshape(-1, *vector.shape[outer:]).movedim(0, -1)
    squares = tenon.linalg.solve_triangular(factor, columns, upper=False).pow(2).sum(-2)
    return squares.movedim(-1, 0).reshape(vector.shape[:-1])


def _factor_of_inverse(precision: Tensor) -> Tensor:
    # The Cholesky factor of the inverse: turned round in both dims, that of the matrix gives a triangular inverse.
    flipped = tenon.linalg.cholesky(precision.flip((-2, -1))).flip((-2, -1)).mT
    return tenon.linalg.solve_triangular(flipped, _eye_like(precision), upper=False)


class _OfCovariance(Distribution):
    """A distribution of a covariance that is given as itself, as its inverse or as its Cholesky factor."""

    _unbroadcasted_scale_tril: Tensor

    def _given_covariance(self, **matrices: Tensor | None) -> tuple[str, Tensor]:
        given = {name: matrix for name, matrix in matrices.items() if matrix is not None}
        if len(given) != 1:
            raise ValueError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        ((name, matrix),) = given.items()
        if matrix.dim() < 2:
            raise ValueError(f"{name} must be at least two-dimensional, with optional leading batch dimensions")
        return name, matrix

    @staticmethod
    def _factor(name: str, matrix: Tensor) -> Tensor:
        if name == "scale_tril":
            return matrix
        return tenon.linalg.cholesky(matrix) if name == "covariance_matrix" else _factor_of_inverse(matrix)

    def _whole(self, matrix: Tensor) -> Tensor:
        return matrix.expand(self._batch_shape + matrix.shape[-2:])

    @lazy_property
    def scale_tril(self) -> Tensor:
        return self._whole(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        return self._whole(self._unbroadcasted_scale_tril @ self._unbroadcasted_scale_tril.mT)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        return self._whole(tenon.cholesky_inverse(self._unbroadcasted_scale_tril))


class MultivariateNormal(_OfCovariance):
    """Normal vectors of mean `loc` and a covariance."""

    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        name, matrix = self._given_covariance(
            covariance_matrix=covariance_matrix, precision_matrix=precision_matrix, scale_tril=scale_tril
        )
        batch_shape = tenon.broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        setattr(self, name, matrix.expand(batch_shape + matrix.shape[-2:]))
        self.loc = loc.expand(batch_shape + loc.shape[-1:])
        super().__init__(batch_shape, loc.shape[-1:], validate_args=validate_args)
        self._unbroadcasted_scale_tril = self._factor(name, matrix)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        squares = self._unbroadcasted_scale_tril.pow(2).sum(-1)
        return squares.expand(self._batch_shape + self._event_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        normal = _standard_normal(self._extended_shape(sample_shape), self.loc.dtype, self.loc.device)
        return self.loc + _times_vector(self._unbroadcasted_scale_tril, normal)

    def log_prob(self, value: Tensor) -> Tensor:
        factor = self._unbroadcasted_scale_tril
        distance = _squared_distance(factor, self._checked(value) - self.loc)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + distance) - _half_log_det(factor)

    def entropy(self) -> Tensor:
        half_log_det = _half_log_det(self._unbroadcasted_scale_tril)
        entropy = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + half_log_det
        return entropy.expand(self._batch_shape)


class LowRankMultivariateNormal(Distribution):
    """Normal vectors of the covariance cov_factor @ cov_factor.mT + diag(cov_diag)."""

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc: Tensor, cov_factor: Tensor, cov_diag: Tensor, validate_args: bool | None = None) -> None:
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        event_shape = loc.shape[-1:]
        if cov_factor.dim() < 2:
            raise ValueError("cov_factor must be at least two-dimensional, with optional leading batch dimensions")
        if cov_factor.shape[-2:-1] != event_shape:
            raise ValueError(f"cov_factor must be a batch of matrices with shape {event_shape[0]} x m")
        if cov_diag.shape[-1:] != event_shape:
            raise ValueError(f"cov_diag must be a batch of vectors with shape {event_shape}")
        try:
            batch_shape = tenon.broadcast_shapes(loc.shape[:-1], cov_factor.shape[:-2], cov_diag.shape[:-1])
        except RuntimeError as error:
            raise ValueError(
                f"Incompatible batch shapes: loc {loc.shape}, cov_factor {cov_factor.shape}, cov_diag {cov_diag.shape}"
            ) from error
        self.loc = loc.expand(batch_shape + event_shape)
        self.cov_factor = cov_factor.expand(batch_shape + cov_factor.shape[-2:])
        self.cov_diag = cov_diag.expand(batch_shape + event_shape)
        self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag = cov_factor, cov_diag
        # The factor of the capacitance I + W^T D^-1 W, by which all is computed in the dims of the rank.
        scaled = cov_factor.mT / cov_diag.unsqueeze(-2)
        capacitance = scaled @ cov_factor
        self._capacitance_tril = tenon.linalg.cholesky(capacitance + _eye_like(capacitance))
        super().__init__(batch_shape, event_shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @lazy_property
    def variance(self) -> Tensor:  # type: ignore[override]
        variance = self._unbroadcasted_cov_factor.pow(2).sum(-1) + self._unbroadcasted_cov_diag
        return variance.expand(self._batch_shape + self._event_shape)

    def _whole(self, matrix: Tensor) -> Tensor:
        return matrix.expand(self._batch_shape + self._event_shape + self._event_shape)

    @lazy_property
    def scale_tril(self) -> Tensor:
        # D^1/2 times the factor of I + D^-1/2 W W^T D^-1/2, whose eigenvalues are at least one.
        root = self._unbroadcasted_cov_diag.sqrt().unsqueeze(-1)
        scaled = self._unbroadcasted_cov_factor / root
        product = scaled @ scaled.mT
        return self._whole(root * tenon.linalg.cholesky(product + _eye_like(product)))

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        product = self._unbroadcasted_cov_factor @ self._unbroadcasted_cov_factor.mT
        return self._whole(product + self._unbroadcasted_cov_diag.diag_embed())

    def _solved(self) -> Tensor:
        # C^-1 W^T D^-1, for the factor C of the capacitance.
        scaled = self._unbroadcasted_cov_factor.mT / self._unbroadcasted_cov_diag.unsqueeze(-2)
        return tenon.linalg.solve_triangular(self._capacitance_tril, scaled, upper=False)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        # Woodbury's identity.
        solved = self._solved()
        return self._whole(self._unbroadcasted_cov_diag.reciprocal().diag_embed() - solved.mT @ solved)

    def _half_log_det(self) -> Tensor:
        # The matrix determinant lemma.
        return _half_log_det(self._capacitance_tril) + 0.5 * self._unbroadcasted_cov_diag.log().sum(-1)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        low_shape = shape[:-1] + self.cov_factor.shape[-1:]
        low = _standard_normal(low_shape, self.loc.dtype, self.loc.device)
        own = _standard_normal(shape, self.loc.dtype, self.loc.device)
        shared = _times_vector(self._unbroadcasted_cov_factor, low)
        return self.loc + shared + self._unbroadcasted_cov_diag.sqrt() * own

    def _squared_distance(self, vector: Tensor) -> Tensor:
        diag = self._unbroadcasted_cov_diag
        shared = _times_vector((self._unbroadcasted_cov_factor / diag.unsqueeze(-1)).mT, vector)
        return (vector.pow(2) / diag).sum(-1) - _squared_distance(self._capacitance_tril, shared)

    def log_prob(self, value: Tensor) -> Tensor:
        distance = self._squared_distance(self._checked(value) - self.loc)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + distance) - self._half_log_det()

    def entropy(self) -> Tensor:
        entropy = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + self._half_log_det()
        return entropy.expand(self._batch_shape)


def _halves_below(x: Tensor, p: int) -> Tensor:
    # x, x - 1/2, ..., along a new last dim: the arguments of a multivariate gamma function.
    return x.unsqueeze(-1) - 0.5 * tenon.arange(p, dtype=x.dtype, device=x.device)


def _log_multigamma(x: Tensor, p: int) -> Tensor:
    return _halves_below(x, p).lgamma().sum(-1) + 0.25 * p * (p - 1) * math.log(math.pi)


class Wishart(_OfCovariance, ExponentialFamily):
    """The sums of the outer products of `df` normal vectors of a covariance."""

    support = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(
        self,
        df: Any,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        name, matrix = self._given_covariance(
            covariance_matrix=covariance_matrix, precision_matrix=precision_matrix, scale_tril=scale_tril
        )
        df = df if isinstance(df, Tensor) else tenon.tensor(df, dtype=matrix.dtype, device=matrix.device)
        batch_shape = tenon.broadcast_shapes(df.shape, matrix.shape[:-2])
        event_shape = matrix.shape[-2:]
        if (df <= event_shape[-1] - 1).any():
            raise ValueError(f"Value of df={df} expected to be greater than ndim - 1 = {event_shape[-1] - 1}.")
        self.df = df.expand(batch_shape)
        setattr(self, name, matrix.expand(batch_shape + event_shape))
        super().__init__(batch_shape, event_shape, validate_args=validate_args)
        if (self.df < event_shape[-1]).any():
            warnings.warn(
                "Low df values detected. Singular samples are highly likely to occur for ndim - 1 < df < ndim.",
                stacklevel=2,
            )
        self._unbroadcasted_scale_tril = self._factor(name, matrix)
        # The squared diagonal of a sample's factor has one degree of freedom less in each row.
        rows = tenon.arange(event_shape[-1], dtype=self.df.dtype, device=self.df.device)
        self._dist_chi2 = Chi2(self.df.unsqueeze(-1) - rows.expand(batch_shape + rows.shape))

    @property
    def arg_constraints(self) -> dict[str, Any]:
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self.event_shape[-1] - 1),
        }

    @property
    def mean(self) -> Tensor:
        return self.df.view(self._batch_shape + (1, 1)) * self.covariance_matrix

    @property
    def mode(self) -> Tensor:
        factor = (self.df - self.covariance_matrix.shape[-1] - 1).masked_fill(
            self.df - self.covariance_matrix.shape[-1] - 1 <= 0, math.nan
        )
        return factor.view(self._batch_shape + (1, 1)) * self.covariance_matrix

    @property
    def variance(self) -> Tensor:
        v = self.covariance_matrix
        diag = v.diagonal(dim1=-2, dim2=-1)
        products = diag.unsqueeze(-1) * diag.unsqueeze(-2)
        return self.df.view(self._batch_shape + (1, 1)) * (v.pow(2) + products)

    def _bartlett(self, sample_shape: Any) -> Tensor:
        # The factor of a standard sample: roots of chi-square numbers, and normal ones below.
        p = self._event_shape[-1]
        roots = self._dist_chi2.rsample(sample_shape).sqrt()
        noise = roots.clamp(min=tenon.finfo(roots.dtype).eps).diag_embed()
        rows, columns = tenon.tril_indices(p, p, offset=-1)
        normal_shape = self._extended_shape(sample_shape)[:-2] + (p * (p - 1) // 2,)
        noise[..., rows, columns] = tenon.randn(normal_shape, dtype=noise.dtype, device=noise.device)
        factor = self._unbroadcasted_scale_tril @ noise
        return factor @ factor.mT

    def rsample(self, sample_shape: Any = (), max_try_correction: int | None = None) -> Tensor:
        """A sample; what rounding made singular is drawn again, a few times."""
        sample_shape = Size(sample_shape)
        # PyTorch draws all samples twice and keeps the second.
        self._bartlett(sample_shape)
        sample = self._bartlett(sample_shape)
        for _ in range(10 if max_try_correction is None else max_try_correction):
            regular = self.support.check(sample.detach())
            singular = ~regular.reshape(sample_shape + (-1,)).all(-1)
            if not singular.any():
                break
            warnings.warn("Singular sample detected.", stacklevel=2)
            sample[singular] = self._bartlett(Size((int(singular.sum()),)))
        return sample

    def _half_log_det(self) -> Tensor:
        return _half_log_det(self._unbroadcasted_scale_tril)

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        nu, p = self.df, self._event_shape[-1]
        trace = tenon.cholesky_solve(value, self._unbroadcasted_scale_tril).diagonal(dim1=-2, dim2=-1).sum(-1)
        return (
            -nu * (p * math.log(2) / 2 + self._half_log_det())
            - _log_multigamma(nu / 2, p)
            + (nu - p - 1) / 2 * tenon.linalg.slogdet(value).logabsdet
            - trace / 2
        )

    def entropy(self) -> Tensor:
        nu, p = self.df, self._event_shape[-1]
        return (
            (p + 1) * (p * math.log(2) / 2 + self._half_log_det())
            + _log_multigamma(nu / 2, p)
            - (nu - p - 1) / 2 * _halves_below(nu / 2, p).digamma().sum(-1)
            + nu * p / 2
        )

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (-self.precision_matrix / 2, (self.df - self._event_shape[-1] - 1) / 2)

    def _log_normalizer(self, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]
        p = self._event_shape[-1]
        half = y + (p + 1) / 2
        return half * (-tenon.linalg.slogdet(-2 * x).logabsdet + math.log(2) * p) + _log_multigamma(half, p)


class LKJCholesky(Distribution):
    """The Cholesky factors of correlation matrices, whose determinants count with the power concentration - 1."""

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky
    concentration: Tensor

    def __init__(self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None) -> None:
        if dim < 2:
            raise ValueError(f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}.")
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        super().__init__(self.concentration.size(), Size((dim, dim)), validate_args=validate_args)
        # How long the part of each row is that lies left of the diagonal (the onion method).
        marginal = self.concentration + 0.5 * (dim - 2)
        rows = tenon.arange(dim - 1, dtype=self.concentration.dtype, device=self.concentration.device)
        rows = tenon.cat([rows.new_zeros((1,)), rows])
        self._beta = Beta(rows + 0.5, marginal.unsqueeze(-1) - 0.5 * rows)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with tenon.no_grad():
            lengths = self._beta.sample(sample_shape).unsqueeze(-1)
            normal = tenon.randn(self._extended_shape(sample_shape), dtype=lengths.dtype, device=lengths.device).tril(
                -1
            )
            direction = normal / normal.norm(dim=-1, keepdim=True)
            # The first row has none.
            direction[..., 0, :].fill_(0.0)
            rows = lengths.sqrt() * direction
            left = (1 - (rows**2).sum(-1)).clamp(min=tenon.finfo(rows.dtype).tiny)
            return rows + left.sqrt().diag_embed()

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        n = self.dim - 1
        orders = tenon.arange(2, self.dim + 1, device=self.concentration.device)
        orders = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - orders
        unnormalized = (orders * value.diagonal(dim1=-1, dim2=-2)[..., 1:].log()).sum(-1)
        alpha = self.concentration + 0.5 * n
        normalizer = 0.5 * n * math.log(math.pi) + _log_multigamma(alpha - 0.5, n) - alpha.lgamma() * n
        return unnormalized - normalizer
