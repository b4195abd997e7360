"""Eigenvalues and singular values of matrices that are hard for them, judged by residuals and orthogonality beside
PyTorch's on the same matrices."""

import numpy
import pytest
import tenon

torch = pytest.importorskip("torch")

DTYPES = ("float32", "float64", "complex64", "complex128")


def tridiagonal(diagonal, beside):
    return numpy.diag(diagonal) + numpy.diag(beside, 1) + numpy.diag(beside, -1)


def wilkinson(half):
    """Wilkinson's W+, whose large eigenvalues come in pairs that agree to many digits."""
    return tridiagonal(numpy.abs(numpy.arange(-half, half + 1.0)), numpy.ones(2 * half))


def glued(matrix, copies, glue):
    """Copies on the diagonal and a small number where they touch: clusters of eigenvalues."""
    n = len(matrix)
    whole = numpy.kron(numpy.eye(copies), matrix)
    for i in range(n, n * copies, n):
        whole[i, i - 1] = whole[i - 1, i] = glue
    return whole


def hermitian(n, seed=0):
    x = numpy.random.default_rng(seed).standard_normal((n, n))
    return x + x.T


def with_eigenvalues(values):
    q = numpy.linalg.qr(hermitian(len(values), seed=1))[0]
    a = q * values @ q.T
    return (a + a.T) / 2


def graded(n):
    scale = 10 ** numpy.linspace(0, -12, n)
    return hermitian(n) * scale[:, None] * scale


MATRICES = {
    "one number": lambda: numpy.array([[-3.0]]),
    "two by two": lambda: numpy.array([[1.0, 2.0], [2.0, 1.0]]),
    "zero": lambda: numpy.zeros((70, 70)),
    "the identity": lambda: numpy.eye(70),
    "ones": lambda: numpy.ones((90, 90)),
    "random, not divided": lambda: hermitian(32),
    "random, divided once": lambda: hermitian(33),
    "random": lambda: hermitian(201),
    "W21+": lambda: wilkinson(10),
    "W201+": lambda: wilkinson(100),
    "glued": lambda: glued(wilkinson(10), 8, 1e-3),
    "glued at rounding": lambda: glued(wilkinson(10), 8, 1e-14),
    "second differences": lambda: tridiagonal(numpy.full(150, 2.0), numpy.full(149, -1.0)),
    "few eigenvalues": lambda: with_eigenvalues(numpy.repeat([1.0, 2, 3, -1], 40)),
    "one cluster": lambda: with_eigenvalues(1 + 1e-13 * numpy.arange(150)),
    "falling eigenvalues": lambda: with_eigenvalues(10 ** numpy.linspace(0, -18, 150)),
    "graded down": lambda: graded(120),
    "graded up": lambda: graded(120)[::-1, ::-1],
    "of low rank": lambda: with_eigenvalues(numpy.r_[numpy.ones(7), numpy.zeros(120)]),
    "zeros in blocks": lambda: numpy.kron(numpy.diag([1.0, 0, 1, 0]), hermitian(40)),
    "huge": lambda: hermitian(80) * 1e300,
    "tiny": lambda: hermitian(80) * 1e-300,
    "below the normal numbers": lambda: hermitian(80) * 1e-310,
}


def case(name, dtype):
    """The matrix in a dtype, with phases that leave its eigenvalues alone, and extreme as that dtype can be."""
    a = MATRICES[name]()
    single = numpy.finfo(dtype).bits == 32
    for words, factor in {"huge": 1e-264, "tiny": 1e264, "below the normal numbers": 1e268}.items():
        if single and name == words:
            a = a * factor
    if dtype.startswith("complex"):
        phases = numpy.exp(1j * numpy.arange(len(a)))
        a = a * phases[:, None] * phases.conj()
        a = numpy.tril(a, -1) + numpy.tril(a, -1).conj().T + numpy.diag(numpy.diag(a).real)
    return numpy.ascontiguousarray(a.astype(dtype))


def on_unit_scale(a, values):
    """Both divided by the largest element, in long double, so that no product leaves the range."""
    scale = numpy.longdouble(max(numpy.abs(a.real).max(), numpy.abs(a.imag).max())) or numpy.longdouble(1)
    wide = (a.real / scale).astype(float) + 1j * (a.imag / scale).astype(float)
    return wide, (values / scale).astype(float)


def distance_from_identity(q):
    return numpy.abs(q.conj().T @ q - numpy.eye(q.shape[1])).max()


def errors_of_eigh(a, values, vectors):
    """|A V - V L| and |V^H V - I|, in units of n eps |A| and n eps."""
    unit = len(a) * numpy.finfo(a.dtype).eps
    a, values = on_unit_scale(a, values)
    vectors = vectors.astype(complex)
    norm = max(1, numpy.abs(values).max())
    return numpy.array(
        [numpy.abs(a @ vectors - vectors * values).max() / (unit * norm), distance_from_identity(vectors) / unit]
    )


def errors_of_svd(a, u, s, vh):
    unit = max(a.shape) * numpy.finfo(a.dtype).eps
    a, s = on_unit_scale(a, s)
    u, v = u.astype(complex), vh.conj().T.astype(complex)
    k, norm = len(s), max(1, s.max())
    residual = numpy.abs(u[:, :k] * s @ v[:, :k].conj().T - a).max()
    return numpy.array([residual / (unit * norm), distance_from_identity(u) / unit, distance_from_identity(v) / unit])


def run(module, op, a, **options):
    result = getattr(module.linalg, op)(module.from_numpy(a.copy()), **options)
    return [x.numpy() for x in (result if isinstance(result, tuple) else [result])]


def assert_values_agree(ours, theirs, a):
    unit = max(a.shape) * numpy.finfo(a.dtype).eps
    _, ours = on_unit_scale(a, ours)
    _, theirs = on_unit_scale(a, theirs)
    assert numpy.abs(ours - theirs).max() <= 4 * unit * max(1, numpy.abs(theirs).max())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", MATRICES)
class TestHardMatrices:
    def test_have_eigenvectors_as_good_as_lapack_s(self, name, dtype):
        a = case(name, dtype)
        values, vectors = run(tenon, "eigh", a)
        theirs = run(torch, "eigh", a)
        assert values.dtype == theirs[0].dtype and vectors.dtype == a.dtype
        assert (numpy.diff(values) >= 0).all()
        assert (errors_of_eigh(a, values, vectors) <= 1 + 3 * errors_of_eigh(a, *theirs)).all()
        assert_values_agree(values, theirs[0], a)
        assert_values_agree(run(tenon, "eigvalsh", a)[0], theirs[0], a)

    def test_have_singular_vectors_as_good_as_lapack_s(self, name, dtype):
        whole = case(name, dtype)
        n = len(whole)
        for part in (whole, whole[:, : (3 * n + 3) // 4], whole[: (n + 1) // 2]):
            a = numpy.ascontiguousarray(part)
            u, s, vh = run(tenon, "svd", a)
            theirs = run(torch, "svd", a)
            assert (numpy.diff(s) <= 0).all() and s[-1] >= 0
            assert (errors_of_svd(a, u, s, vh) <= 1 + 3 * errors_of_svd(a, *theirs)).all()
            assert_values_agree(s, theirs[1], a)
            assert_values_agree(run(tenon, "svdvals", a)[0], theirs[1], a)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_triangle_that_does_not_count_may_hold_anything(dtype):
    a = case("random", dtype)
    lower = numpy.tril(a) + numpy.triu(numpy.full_like(a, numpy.nan), 1)
    for mine, whole in zip(run(tenon, "eigh", lower), run(tenon, "eigh", a)):
        assert mine.tobytes() == whole.tobytes()


def test_singular_values_of_no_matrix_but_zero_are_zero():
    for n in (1, 5, 33, 70, 150):
        assert not run(tenon, "svdvals", numpy.zeros((n, n)))[0].any()
        assert not run(tenon, "svd", numpy.zeros((n, n)))[1].any()
    assert numpy.linalg.matrix_rank(case("of low rank", "float64")) == 7
    assert int(tenon.linalg.matrix_rank(tenon.from_numpy(case("of low rank", "float64")))) == 7


@pytest.mark.parametrize("value", [numpy.nan, numpy.inf, -numpy.inf])
@pytest.mark.parametrize("n", [2, 3, 50])
@pytest.mark.parametrize("op", ["eigh", "eigvalsh", "svd", "svdvals"])
def test_what_is_not_finite_is_refused(op, n, value):
    a = numpy.eye(n)
    a[-1, 0] = value
    with pytest.raises(tenon.linalg.LinAlgError, match=f"^linalg.{op}: The algorithm failed to converge"):
        run(tenon, op, a)
    with pytest.raises(tenon.linalg.LinAlgError, match=rf"^linalg.{op}: \(Batch element 1\): "):
        run(tenon, op, numpy.stack([numpy.eye(n), a]))


@pytest.mark.parametrize("value", [2.0, -0.0, numpy.nan, numpy.inf])
def test_one_number_is_its_eigenvalue(value):
    for op in ("eigh", "eigvalsh"):
        for ours, theirs in zip(run(tenon, op, numpy.array([[value]])), run(torch, op, numpy.array([[value]]))):
            assert numpy.array_equal(ours, theirs, equal_nan=True)


@pytest.mark.parametrize("shape", [(0, 0), (3, 0), (0, 3), (2, 0, 0), (0, 3, 3), (0, 3, 2)])
def test_empty_matrices_have_what_pytorch_gives_them(shape):
    a = numpy.zeros(shape)
    ops = ["svd", "svdvals"] + (["eigh", "eigvalsh"] if shape[-1] == shape[-2] else [])
    for op in ops:
        for ours, theirs in zip(run(tenon, op, a), run(torch, op, a)):
            assert ours.shape == theirs.shape and ours.dtype == theirs.dtype and (ours == theirs).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(5, 40, 40), (3, 2, 70, 20), (4, 20, 70), (9, 3, 3)])
def test_batches_are_their_matrices(dtype, shape):
    generator = numpy.random.default_rng(0)
    a = generator.standard_normal(shape).astype(dtype)
    if dtype.startswith("complex"):
        a = a + 1j * generator.standard_normal(shape).astype(a.real.dtype)
    for op, options in [("svd", {"full_matrices": True}), ("svd", {"full_matrices": False}), ("svdvals", {})]:
        whole = run(tenon, op, a, **options)
        for index in numpy.ndindex(shape[:-2]):
            for many, one in zip(whole, run(tenon, op, a[index], **options)):
                assert many[index].tobytes() == one.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_any_number_of_threads_gives_the_same_bits(dtype):
    before = tenon.get_num_threads()
    square, tall = case("random", dtype), numpy.ascontiguousarray(numpy.tile(case("random", dtype), (3, 2)))
    results = []
    try:
        for threads in (1, 2, 3):
            tenon.set_num_threads(threads)
            calls = [
                ("eigh", square),
                ("eigvalsh", square),
                ("svd", square),
                ("svd", tall),
                ("svdvals", tall),
                ("qr", tall),
            ]
            results.append([x.tobytes() for op, a in calls for x in run(tenon, op, a)])
    finally:
        tenon.set_num_threads(before)
    assert results[0] == results[1] == results[2]
