"""Linear algebra against torch.linalg where op_db does not reach: large matrices, defective ones, and errors."""

import numpy
import pytest
import tenon
import torch
from compare import comparisons

DTYPES = ("float32", "float64", "complex64", "complex128")
# Sides below, at and above where the blocked algorithms begin to block.
SIDES = (1, 2, 7, 31, 33, 65, 130, 201)


def random_matrix(*shape, dtype="float64", seed=0):
    generator = numpy.random.default_rng(seed)
    values = generator.standard_normal(shape)
    if dtype.startswith("complex"):
        values = values + 1j * generator.standard_normal(shape)
    return values.astype(dtype)


def well_conditioned(n, dtype="float64", seed=0):
    return random_matrix(n, n, dtype=dtype, seed=seed) + 2 * n**0.5 * numpy.eye(n).astype(dtype)


def positive_definite(n, dtype="float64", seed=0):
    x = random_matrix(n, n, dtype=dtype, seed=seed)
    return (x @ x.conj().T / n + numpy.eye(n)).astype(dtype)


def tensors(t, *arrays):
    return [t.from_numpy(array.copy()) for array in arrays]


def assert_close(actual, expected, dtype, factor=1.0):
    eps = numpy.finfo(dtype).eps
    scale = max(numpy.abs(expected).max(initial=0), 1e-30)
    assert actual.dtype == expected.dtype and actual.shape == expected.shape
    assert numpy.abs(actual - expected).max(initial=0) <= 300 * factor * eps * scale


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", SIDES)
class TestFactors:
    def test_are_those_of_pytorch(self, n, dtype):
        square, tall, wide = (random_matrix(*shape, dtype=dtype) for shape in [(n, n), (n + 9, n), (n, n + 9)])
        definite = positive_definite(n, dtype)
        codes = {
            "cholesky": lambda t: t.linalg.cholesky(*tensors(t, definite)),
            "upper cholesky": lambda t: t.linalg.cholesky(*tensors(t, definite), upper=True),
            "lu": lambda t: t.linalg.lu_factor(*tensors(t, square)),
            "tall lu": lambda t: t.linalg.lu_factor(*tensors(t, tall)),
            "wide lu": lambda t: t.linalg.lu(*tensors(t, wide)),
            "qr": lambda t: t.linalg.qr(*tensors(t, square)),
            "tall qr": lambda t: t.linalg.qr(*tensors(t, tall)),
            "complete qr": lambda t: t.linalg.qr(*tensors(t, tall), mode="complete"),
            "wide qr": lambda t: t.linalg.qr(*tensors(t, wide)),
            "geqrf": lambda t: t.geqrf(*tensors(t, tall)),
        }
        with comparisons() as check:
            for name, code in codes.items():
                check(name, code, ulps=400 + 40 * n, scale=float(n**0.5), strides=False)

    def test_solve_what_pytorch_solves(self, n, dtype):
        a, b = well_conditioned(n, dtype), random_matrix(n, 3, dtype=dtype, seed=1)
        definite = positive_definite(n, dtype)
        codes = {
            "solve": lambda t: t.linalg.solve(*tensors(t, a, b)),
            "solve from the right": lambda t: t.linalg.solve(*tensors(t, a, b.T), left=False),
            "inv": lambda t: t.linalg.inv(*tensors(t, a)),
            "det": lambda t: t.linalg.slogdet(*tensors(t, a)),
            "cholesky_solve": lambda t: t.cholesky_solve(*tensors(t, b), t.linalg.cholesky(*tensors(t, definite))),
            "upper triangle": lambda t: t.linalg.solve_triangular(*tensors(t, a, b), upper=True),
            "unit lower triangle": lambda t: t.linalg.solve_triangular(
                *tensors(t, a / n, b), upper=False, unitriangular=True
            ),
            "least squares": lambda t: t.linalg.lstsq(*tensors(t, a, b)).solution,
            "exponential": lambda t: t.linalg.matrix_exp(*tensors(t, a / n)),
        }
        with comparisons() as check:
            for name, code in codes.items():
                check(name, code, ulps=400 + 20 * n, scale=1.0, strides=False)

    def test_by_bunch_and_kaufman_are_those_of_lapack(self, n, dtype):
        x = random_matrix(n, n, dtype=dtype)
        for hermitian in (False, True) if dtype.startswith("complex") else (False,):
            a = x + (x.conj().T if hermitian else x.T)
            ours = tenon.linalg.ldl_factor(*tensors(tenon, a), hermitian=hermitian)
            theirs = torch.linalg.ldl_factor(*tensors(torch, a), hermitian=hermitian)
            assert ours.pivots.tolist() == theirs.pivots.tolist()
            assert_close(ours.LD.numpy(), numpy.tril(theirs.LD.numpy()), dtype, 10 + n)
            b = random_matrix(n, 3, dtype=dtype, seed=1)
            x_ours = tenon.linalg.ldl_solve(*ours, *tensors(tenon, b), hermitian=hermitian).numpy()
            residual = numpy.abs(a @ x_ours - b).max()
            assert residual <= 1e3 * numpy.finfo(dtype).eps * n * max(1, numpy.abs(x_ours).max())


@pytest.mark.parametrize("dtype", DTYPES)
class TestVectors:
    @pytest.mark.parametrize("shape", [(5, 5), (40, 40), (90, 70), (33, 120), (2, 3, 4), (17, 1)])
    @pytest.mark.parametrize("full", [False, True])
    def test_singular_ones_make_up_the_matrix(self, dtype, shape, full):
        a = random_matrix(*shape, dtype=dtype)
        u, s, vh = (x.numpy() for x in tenon.linalg.svd(*tensors(tenon, a), full_matrices=full))
        expected = torch.linalg.svd(*tensors(torch, a), full_matrices=full)
        assert (u.shape, s.shape, vh.shape) == tuple(tuple(x.shape) for x in expected)
        k = s.shape[-1]
        assert_close(s, expected.S.numpy(), dtype)
        assert_close(u[..., :k] * s[..., None, :] @ vh[..., :k, :], a, dtype)
        for q in (u, vh.conj().swapaxes(-1, -2)):
            identity = numpy.broadcast_to(numpy.eye(q.shape[-1], dtype=dtype), (*q.shape[:-2], *q.shape[-1:] * 2))
            assert_close(q.conj().swapaxes(-1, -2) @ q, identity, dtype)

    @pytest.mark.parametrize("n", [1, 2, 5, 40, 120])
    @pytest.mark.parametrize("uplo", ["L", "U"])
    def test_of_hermitian_matrices_make_up_the_triangle(self, dtype, n, uplo):
        a = random_matrix(n, n, dtype=dtype)
        values, vectors = (x.numpy() for x in tenon.linalg.eigh(*tensors(tenon, a), UPLO=uplo))
        assert_close(values, torch.linalg.eigvalsh(*tensors(torch, a), UPLO=uplo).numpy(), dtype)
        assert_close(tenon.linalg.eigvalsh(*tensors(tenon, a), UPLO=uplo).numpy(), values, dtype)
        triangle = numpy.tril(a, -1) if uplo == "L" else numpy.triu(a, 1)
        whole = triangle + triangle.conj().T + numpy.diag(numpy.diag(a).real)
        assert_close(vectors * values @ vectors.conj().T, whole.astype(dtype), dtype)
        assert_close(vectors.conj().T @ vectors, numpy.eye(n, dtype=dtype), dtype)

    @pytest.mark.parametrize("n", [1, 2, 5, 40, 90])
    def test_of_any_matrix_are_eigenvectors_of_length_one(self, dtype, n):
        a = random_matrix(n, n, dtype=dtype)
        values, vectors = (x.numpy() for x in tenon.linalg.eig(*tensors(tenon, a)))
        assert values.dtype == vectors.dtype == ("complex64" if dtype in ("float32", "complex64") else "complex128")
        assert numpy.abs(a @ vectors - vectors * values).max() <= 300 * n * numpy.finfo(dtype).eps
        assert numpy.allclose(numpy.square(numpy.abs(vectors)).sum(0), 1)
        expected = torch.linalg.eigvals(*tensors(torch, a)).numpy()
        for value in values:
            assert numpy.abs(expected - value).min() <= 1e4 * n * numpy.finfo(dtype).eps


class TestDefectiveMatrices:
    def test_have_their_cofactors_as_the_gradient_of_the_determinant(self):
        singular = numpy.array([[1.0, 2, 3], [2, 4, 6], [0, 1, 1]])
        a = tenon.from_numpy(numpy.stack([singular, numpy.eye(3)])).requires_grad_()
        tenon.linalg.det(a).sum().backward()
        for matrix, gradient in zip(a.detach().numpy(), a.grad.numpy()):
            for i in range(3):
                for j in range(3):
                    minor = numpy.delete(numpy.delete(matrix, i, 0), j, 1)
                    assert abs(gradient[i, j] - (-1) ** (i + j) * numpy.linalg.det(minor)) < 1e-12

    def test_have_the_least_squares_solution_of_least_norm(self):
        a = random_matrix(6, 2) @ random_matrix(2, 4, seed=1)
        b = random_matrix(6, 3, seed=2)
        with comparisons() as check:
            for driver in ("gelsy", "gelsd", "gelss"):
                check(driver, lambda t: t.linalg.lstsq(*tensors(t, a, b), driver=driver)[:3], ulps=4096, strides=False)

    def test_have_a_rank_and_a_pseudoinverse(self):
        a = random_matrix(6, 2) @ random_matrix(2, 4, seed=1)
        with comparisons() as check:
            check("rank", lambda t: t.linalg.matrix_rank(*tensors(t, a)))
            check("rank by a number", lambda t: t.linalg.matrix_rank(*tensors(t, a), 1e-3))
            check("rank by rtol", lambda t: t.linalg.matrix_rank(*tensors(t, a), rtol=t.tensor(0.5)))
            check("pinv", lambda t: t.linalg.pinv(*tensors(t, a)), ulps=512, scale=1.0, strides=False)
            check("pinv, rcond", lambda t: t.linalg.pinv(*tensors(t, a), 0.2), ulps=512, scale=1.0, strides=False)
            check("cond", lambda t: t.linalg.cond(t.zeros(2, 2), "fro"))

    def test_raise_the_error_of_linear_algebra(self):
        for code in [
            lambda t: t.linalg.inv(t.zeros(2, 2)),
            lambda t: t.linalg.solve(t.zeros(2, 2), t.ones(2)),
            lambda t: t.linalg.cholesky(-t.eye(3)),
            lambda t: t.linalg.cholesky(t.stack([t.eye(3), -t.eye(3)])),
            lambda t: t.cholesky(-t.eye(3)),
            lambda t: t.linalg.inv_ex(t.zeros(2, 2), check_errors=True),
            lambda t: t.linalg.svd(t.full((3, 3), float("nan"))),
        ]:
            for module in (tenon, torch):
                with pytest.raises(module.linalg.LinAlgError) as raised:
                    code(module)
                assert isinstance(raised.value, RuntimeError)
        with pytest.raises(tenon.linalg.LinAlgError, match=r"^linalg.lu_factor: U\[1,1\] is zero"):
            tenon.linalg.lu_factor(tenon.zeros(2, 2))
        with pytest.raises(tenon.linalg.LinAlgError, match=r"^linalg.cholesky: \(Batch element 1\): .*order 1 is not"):
            tenon.linalg.cholesky(tenon.stack([tenon.eye(3), -tenon.eye(3)]))

    def test_are_told_by_their_infos(self):
        with comparisons() as check:
            a = numpy.stack([numpy.eye(3), numpy.diag([1.0, 0, 2]), numpy.zeros((3, 3))])
            for name in ("cholesky_ex", "inv_ex", "lu_factor_ex", "ldl_factor_ex"):
                check(name, lambda t: getattr(t.linalg, name)(*tensors(t, a)).info)


def test_what_cannot_be_meant_is_refused_as_pytorch_refuses_it():
    with comparisons() as check:
        for name, code in {
            "not square": lambda t: t.linalg.inv(t.ones(2, 3)),
            "a vector": lambda t: t.linalg.det(t.ones(3)),
            "integers": lambda t: t.linalg.svd(t.ones(3, 3, dtype=t.int64)),
            "half": lambda t: t.linalg.eigh(t.ones(3, 3, dtype=t.float16)),
            "sizes": lambda t: t.linalg.solve(t.eye(3), t.ones(4)),
            "dtypes": lambda t: t.linalg.solve(t.eye(3), t.ones(3, dtype=t.float64)),
            "mode": lambda t: t.linalg.qr(t.eye(3), mode="full"),
            "UPLO": lambda t: t.linalg.eigh(t.eye(3), UPLO="X"),
            "driver": lambda t: t.linalg.svd(t.eye(3), driver="gesvd"),
            "driver of lstsq": lambda t: t.linalg.lstsq(t.eye(3), t.eye(3), driver="gesvd"),
            "pivot": lambda t: t.linalg.lu_factor(t.eye(3), pivot=False),
            "pivots": lambda t: t.linalg.lu_solve(t.eye(3), t.tensor([1, 2, 7], dtype=t.int32), t.eye(3)),
            "dtype of pivots": lambda t: t.linalg.lu_solve(t.eye(3), t.tensor([1, 2, 3]), t.eye(3)),
            "order": lambda t: t.linalg.matrix_norm(t.eye(3), 3),
            "name of an order": lambda t: t.linalg.matrix_norm(t.eye(3), "two"),
            "no vectors of 3": lambda t: t.linalg.cross(t.ones(4), t.ones(4)),
            "one matrix": lambda t: t.linalg.multi_dot([t.eye(3)]),
            "N": lambda t: t.linalg.vander(t.ones(3), N=1),
            "mode of cdist": lambda t: t.cdist(t.eye(3), t.eye(3), compute_mode="fast"),
        }.items():
            check(name, code)


def test_vectors_are_not_differentiated_by_what_depends_on_their_phase():
    a = random_matrix(4, 4, dtype="complex128")
    for function in (lambda t, x: t.linalg.svd(x)[0], lambda t, x: t.linalg.eig(x)[1]):
        for module in (tenon, torch):
            x = tensors(module, a)[0].requires_grad_()
            with pytest.raises(RuntimeError, match="ill-defined"):
                function(module, x).imag.square().sum().backward()


def test_results_are_the_same_bits_on_any_number_of_threads():
    before = tenon.get_num_threads()
    a, batch = positive_definite(300), random_matrix(12, 40, 40)
    results = []
    try:
        for threads in (1, 2, 3):
            tenon.set_num_threads(threads)
            one, many = tensors(tenon, a, batch)
            found = [tenon.linalg.cholesky(one), *tenon.linalg.lu_factor(one), *tenon.linalg.qr(one)]
            found += [*tenon.linalg.svd(many), *tenon.linalg.eigh(many), tenon.linalg.inv(many)]
            results.append([x.numpy().tobytes() for x in found])
    finally:
        tenon.set_num_threads(before)
    assert results[0] == results[1] == results[2]
