"""Tenon: tensors, automatic differentiation and neural networks under PyTorch's names."""

# Functions of this module must live in submodules: names such as `float`, `abs` and `sum` are tensors' here.
from tenon import _C
from tenon._C import (
    DeviceError,
    Generator,
    OutOfMemoryError,
    Size,
    Tensor,
    TensorError,
    as_tensor,
    can_cast,
    channels_last,
    channels_last_3d,
    contiguous_format,
    default_generator,
    device,
    dtype,
    empty_cache,
    from_dlpack,
    from_numpy,
    from_torch,
    frombuffer,
    get_default_device,
    get_default_dtype,
    get_num_threads,
    is_anomaly_check_nan_enabled,
    is_anomaly_enabled,
    is_grad_enabled,
    is_inference_mode_enabled,
    layout,
    memory_format,
    memory_stats,
    preserve_format,
    promote_types,
    reset_peak_memory,
    set_default_dtype,
    set_flush_denormal,
    set_memory_limit,
    set_num_threads,
    set_printoptions,
    set_simd_enabled,
    sparse_coo,
    strided,
)

globals().update(_C.functions)

from tenon._creation import create_tensor, create_variable, tensor_add, tensor_matmul  # noqa: E402
from tenon._dtypes import (  # noqa: E402
    bfloat16,
    bool,
    cdouble,
    cfloat,
    complex64,
    complex128,
    double,
    finfo,
    float,
    float16,
    float32,
    float64,
    half,
    iinfo,
    int,
    int8,
    int16,
    int32,
    int64,
    long,
    short,
    uint8,
    uint16,
    uint32,
    uint64,
)
from tenon._functions import (  # noqa: E402
    alpha_dropout,
    alpha_dropout_,
    asarray,
    broadcast_shapes,
    detach,
    detach_,
    dropout,
    dropout_,
    e,
    einsum,
    feature_alpha_dropout,
    feature_alpha_dropout_,
    feature_dropout,
    feature_dropout_,
    get_cpu_isa,
    get_device,
    histogramdd,
    inf,
    is_complex,
    is_conj,
    is_distributed,
    is_floating_point,
    is_inference,
    is_neg,
    is_signed,
    is_tensor,
    lu,
    nan,
    newaxis,
    nonzero,
    numel,
    pdist,
    pi,
    result_type,
    set_default_device,
    set_default_tensor_type,
    tensordot,
    typename,
    unique,
    unique_consecutive,
    where,
)
from tenon._lazy import __dir__, __getattr__  # noqa: E402
from tenon._settings import (  # noqa: E402
    are_deterministic_algorithms_enabled,
    compile,
    get_deterministic_debug_mode,
    get_float32_matmul_precision,
    get_num_interop_threads,
    is_deterministic_algorithms_warn_only_enabled,
    is_warn_always_enabled,
    set_deterministic_debug_mode,
    set_float32_matmul_precision,
    set_num_interop_threads,
    set_warn_always,
    use_deterministic_algorithms,
)
from tenon._shared_functions import (  # noqa: E402
    adaptive_max_pool1d,
    batch_norm,
    binary_cross_entropy_with_logits,
    cosine_embedding_loss,
    ctc_loss,
    embedding,
    group_norm,
    hinge_embedding_loss,
    instance_norm,
    kl_div,
    layer_norm,
    margin_ranking_loss,
    native_channel_shuffle,
    poisson_nll_loss,
    triplet_margin_loss,
)
from tenon._tensor import _attach  # noqa: E402
from tenon._typed_tensors import TYPED_TENSORS as _TYPED_TENSORS  # noqa: E402

_attach()
globals().update(_TYPED_TENSORS)

from tenon import autograd, cuda, nn, random, return_types, tensor, utils, version  # noqa: E402
from tenon.autograd import (  # noqa: E402
    backward,
    detect_anomaly,
    enable_grad,
    inference_mode,
    no_grad,
    set_anomaly_enabled,
    set_grad_enabled,
)
from tenon.overrides import _make_overridable  # noqa: E402
from tenon.random import get_rng_state, initial_seed, manual_seed, seed, set_rng_state  # noqa: E402
from tenon.sparse import sparse_coo_tensor, spmm  # noqa: E402
from tenon.storage import TypedStorage, UntypedStorage  # noqa: E402
from tenon.version import __version__  # noqa: E402

as_tensor, from_numpy, frombuffer = (
    _C._overridable(_function, False) for _function in (as_tensor, from_numpy, frombuffer)
)
_make_overridable()
