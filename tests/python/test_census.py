"""The names that public training scripts use, of tensors, autograd, creation, dtypes and the modules around them."""

import inspect

import pytest
import tenon
import torch

TENSOR = """
to backward view item mean sum size chunk cpu transpose reshape flatten numpy unsqueeze float detach squeeze type cos
sin clone clamp max exp argmax copy_ long masked_fill std numel permute new_zeros contiguous abs tolist softmax uniform_
split gather expand eq fill_ pow new_tensor sqrt new_ones t repeat dim scatter_ mul_ add_ requires_grad_ topk type_as
cuda norm expand_as log view_as unbind zero_ bool masked_fill_ div_ mul normal_ sigmoid argmin mm new_full clip double
relu div repeat_interleave addcmul_ argsort ceil floor index_add_ random_ add clamp_ index_fill_ narrow var addcdiv_ int
min pin_memory to_sparse unflatten bernoulli_ bmm flip nelement register_hook share_memory_
shape device data dtype requires_grad grad ndim T is_cuda is_sparse mT
""".split()

NAMES = """
randn zeros tensor arange ones zeros_like meshgrid randint rand from_numpy empty multinomial linspace randperm full eye
randn_like normal ones_like polar sparse_coo_tensor
cat stack einsum matmul max exp clamp mean tril log argmax sqrt tanh sum where cos sin var topk flatten sigmoid unbind
gather pow triu softmax repeat_interleave min mm rsqrt view_as_real cumsum nonzero chunk maximum split allclose clip
equal outer relu sort view_as_complex add cumprod diag erfinv fmod neg norm tile isin log1p roll spmm
Tensor device float32 long float16 bool float FloatTensor bfloat16 LongTensor finfo preserve_format Generator float64
int64 dtype is_tensor uint8 int32 Size int16 double get_default_dtype set_default_tensor_type
nn.functional.relu nn.functional.cross_entropy nn.functional.softmax nn.functional.scaled_dot_product_attention
nn.functional.pad nn.functional.mse_loss nn.functional.log_softmax nn.functional.avg_pool2d nn.functional.normalize
nn.functional.max_pool2d nn.functional.interpolate nn.functional.sigmoid nn.functional.layer_norm nn.functional.gelu
nn.functional.linear nn.functional.l1_loss nn.functional.nll_loss nn.functional.silu nn.functional.conv2d
nn.functional.dropout nn.functional.binary_cross_entropy nn.functional.adaptive_avg_pool2d nn.functional.smooth_l1_loss
nn.functional.elu nn.functional.tanh nn.attention.SDPBackend.CUDNN_ATTENTION
nn.attention.SDPBackend.EFFICIENT_ATTENTION nn.attention.SDPBackend.FLASH_ATTENTION nn.attention.SDPBackend.MATH
nn.attention.sdpa_kernel
cuda.is_available backends.cudnn.deterministic accelerator.current_accelerator accelerator.is_available cuda.set_device
cuda.synchronize cuda.device_count backends.cudnn.benchmark set_float32_matmul_precision accelerator.device_count
backends.mps.is_available cuda.manual_seed cuda.is_bf16_supported cuda.manual_seed_all cuda.max_memory_allocated
accelerator.set_device_index backends.cuda.matmul.allow_tf32 backends.cudnn.allow_tf32 cuda.empty_cache
accelerator.device_index backends.cuda.sdp_kernel cuda.get_device_name cuda.reset_peak_memory_stats mps.synchronize
version.__version__ cuda.BFloat16Tensor
no_grad autograd.Function inference_mode set_grad_enabled autograd.grad
nn.init.constant_ nn.init.orthogonal_ nn.init.zeros_ nn.init.normal_ nn.init.xavier_uniform_ nn.init.kaiming_normal_
nn.init.ones_ nn.init.trunc_normal_ nn.init.uniform_ nn.init.xavier_normal_ nn.init.calculate_gain nn.init.constant
nn.init.kaiming_normal nn.init.normal
manual_seed compile distributions.categorical.Categorical distributions.Categorical distributions.normal.Normal
distributions.Distribution.sample distributions.Distribution.log_prob distributions.Distribution.entropy
Generator.manual_seed autograd.function.FunctionCtx.save_for_backward __version__
autograd.graph.register_multi_grad_hook autograd.set_multithreading_enabled func.functionalize
use_deterministic_algorithms are_deterministic_algorithms_enabled get_num_interop_threads pca_lowrank svd_lowrank lobpcg
cuda.current_device cuda.memory_allocated cuda.memory_reserved cuda.memory_stats
nn.Linear nn.LayerNorm nn.Conv2d nn.Dropout nn.GELU nn.ReLU nn.Identity nn.Softmax nn.Embedding nn.BatchNorm2d
nn.Sigmoid nn.Flatten nn.LeakyReLU nn.MaxPool2d nn.Tanh nn.LSTM nn.SiLU nn.AdaptiveAvgPool2d nn.ConvTranspose2d
nn.AvgPool2d nn.Conv1d nn.GroupNorm nn.BatchNorm1d nn.Dropout2d nn.InstanceNorm2d nn.ELU nn.Hardswish nn.Transformer
nn.Unfold nn.Upsample nn.ZeroPad2d nn.modules.activation.MultiheadAttention nn.modules.dropout.Dropout
nn.modules.linear.Linear nn.modules.linear.NonDynamicallyQuantizableLinear nn.modules.normalization.LayerNorm
nn.modules.rnn.GRU nn.modules.rnn.LSTM nn.modules.rnn.RNN nn.modules.sparse.Embedding
nn.modules.transformer.TransformerEncoder nn.modules.transformer.TransformerEncoderLayer nn.LSTMCell nn.PixelShuffle
nn.RNN nn.ReflectionPad2d nn.modules.activation.ReLU nn.modules.conv.Conv2d nn.modules.pixelshuffle.PixelShuffle
nn.Module nn.Sequential nn.Parameter nn.ModuleList nn.ModuleDict nn.ParameterList nn.modules.container.ModuleList
nn.CrossEntropyLoss nn.MSELoss nn.BCELoss nn.KLDivLoss nn.NLLLoss nn.BCEWithLogitsLoss nn.utils.clip_grad_norm_
nn.utils.rnn.pad_sequence nn.utils.rnn.pack_padded_sequence optim.Adam optim.SGD optim.AdamW optim.Optimizer
optim.Adadelta optim.RAdam optim.LBFGS optim.lr_scheduler.StepLR optim.lr_scheduler.LambdaLR
optim.lr_scheduler.CosineAnnealingLR utils.data.DataLoader utils.data.Dataset utils.data.RandomSampler
utils.data.distributed.DistributedSampler utils.data.dataloader.DataLoader utils.data.DistributedSampler
utils.data.IterableDataset utils.data.SequentialSampler utils.data.Subset utils.data.sampler.Sampler amp.autocast
cuda.amp.autocast cuda.amp.GradScaler autocast save load serialization.safe_globals
nn.DataParallel multiprocessing.spawn hub.download_url_to_file distributed.init_process_group jit.trace
onnx.export
""".split()

# What scripts use and other parts of the library are to bring, by the names that tell these parts.
LATER = {
    "processes": "distributed.rpc nn.parallel.DistributedDataParallel.no_sync futures.Future",
    "traces and programs": "fx.symbolic_trace _inductor.config profiler.profile",
}
NEVER = {"nested tensors": "nested.nested_tensor jagged"}


def find(module, name):
    for part in name.split("."):
        module = getattr(module, part)
    return module


def later():
    return {name for names in (*LATER.values(), *NEVER.values()) for name in names.split()}


def test_tensors_have_the_attributes_that_scripts_use():
    x = tenon.ones(2, 2)
    assert [name for name in TENSOR if not hasattr(x, name)] == []


@pytest.mark.parametrize("name", NAMES)
def test_what_scripts_use_is_there(name):
    module, _, own = name.rpartition(".")
    if module and module[0].islower() and inspect.ismodule(find(tenon, module)):
        # As `from torch.nn.functional import relu` finds it.
        scope = {}
        exec(f"from tenon.{module} import {own}", scope)
        assert scope[own] is find(tenon, name)
    assert type(find(tenon, name)) is not type(None)


def test_each_list_holds_what_pytorch_has():
    assert [name for name in TENSOR if not hasattr(torch.Tensor, name)] == []
    for name in NAMES:
        find(torch, name)


@pytest.mark.parametrize("name", sorted(later()))
def test_what_is_missing_is_named_by_its_error(name):
    with pytest.raises(AttributeError) as error:
        find(tenon, name)
    missing = str(error.value).split("has no attribute ")[1].split(":")[0].strip("'")
    assert missing in name.split(".")


# Public names of whole modules that Tenon has no use for.
WITHOUT = {
    "autograd": {
        "NestedIOFunction": "for code of old that PyTorch itself runs no more",
        "enforce_grad_layout_policy": "gradients have the layout of their tensors",
    },
    "autograd.graph": {
        "region_activation_memory_budget": "for the compiler",
        "set_override_stale_capture_stream": "CUDA graphs",
        "set_warn_on_accumulate_grad_stream_mismatch": "there is one stream",
    },
    "autograd.forward_ad": {"UnpackedDualTensor": "there are no dual tensors, which this module says"},
    "func": {
        "debug_unwrap": "for the inside of PyTorch's tensors",
        "rearrange": "of another library's notation",
        "replace_all_batch_norm_modules_": "modules",
    },
    "testing": {"FileCheck": "for texts that compilers print"},
    "random": {"thread_safe_generator": "for the workers of data loaders"},
    "fft": {"Tensor": "an import"},
}


@pytest.mark.parametrize(
    "module",
    "autograd autograd.graph autograd.functional autograd.forward_ad func testing random linalg fft special "
    "distributions distributions.constraints distributions.transforms nn.init signal.windows optim optim.lr_scheduler "
    "optim.swa_utils amp".split(),
)
def test_whole_modules_are_there(module):
    theirs = find(torch, module)
    public = getattr(theirs, "__all__", None) or [
        name for name, value in vars(theirs).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith("torch")
    ]  # fmt: skip
    missing = {name for name in public if not hasattr(find(tenon, module), name)}
    assert missing == set(WITHOUT.get(module, {}))
