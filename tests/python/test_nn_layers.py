"""The modules that PyTorch's database of modules leaves out, and what sample inputs cannot show."""

import copy
import inspect
import pickle
import warnings

import pytest
import tenon
import torch
from compare import comparisons
from module_db_judge import NOTHING, PASSED, judge
from torch.testing import make_tensor
from torch.testing._internal.common_modules import FunctionInput, ModuleInfo, ModuleInput

made = called = FunctionInput


def embedding_bag_cases(x):
    bags, offsets = torch.tensor([1, 2, 4, 5, 4, 3, 2, 9]), torch.tensor([0, 4])
    weights = x(2, 4)
    return [
        (made(10, 3), called(torch.tensor([[1, 2], [4, 9]]))),
        (made(10, 3, mode="sum"), called(bags, offsets)),
        (made(10, 3, mode="sum"), called(torch.tensor([[1, 2, 4, 5], [4, 3, 2, 9]]), per_sample_weights=weights)),
        (made(10, 3, mode="max", padding_idx=-1), called(bags, offsets)),
        (made(10, 3, max_norm=0.5, norm_type=1.0), called(bags, offsets)),
        (made(10, 3, include_last_offset=True), called(bags, torch.tensor([0, 4, 8]))),
    ]


def unpool_cases(dims):
    def cases(x):
        pool = getattr(torch.nn.functional, f"max_pool{dims}d")
        values, indices = pool(x(1, 2, *[6] * dims), 2, return_indices=True)
        values = values.detach().requires_grad_()
        return [(made(2), called(values, indices)), (made(2, stride=2), called(values, indices, [1, 2, *[7] * dims]))]

    return cases


def transformer_decoder_cases(x):
    options = {"dim_feedforward": 8, "dropout": 0.2, "batch_first": True}
    source, target = x(2, 3, 4), x(2, 5, 4)
    causal = torch.nn.Transformer.generate_square_subsequent_mask(5)
    padding = torch.tensor([[False, False, True], [False, False, False]])
    return [
        (made(4, 2, 1, 2, **options), called(source, target)),
        (made(4, 2, 1, 1, **options, norm_first=True, activation="gelu"), called(source, target, tgt_mask=causal)),
        (made(4, 2, 1, 1, **options, bias=False), called(source, target, memory_key_padding_mask=padding)),
    ]


def attention_cases(x):
    query, source = x(2, 5, 4), x(2, 3, 6)
    mask, padding = torch.zeros(5, 5).masked_fill(torch.ones(5, 5).triu(1).bool(), -torch.inf), torch.zeros(2, 5).bool()
    padding[1, 3:] = True
    first = {"batch_first": True}
    return [
        (made(4, 2, kdim=6, vdim=6, **first), called(query, source, source)),
        (made(4, 1, dropout=0.5, **first), called(query, query, query, key_padding_mask=padding)),
        (made(4, 2, add_bias_kv=True, add_zero_attn=True), called(query, query, query, average_attn_weights=False)),
        (made(4, 2, **first), called(query, query, query, attn_mask=mask, is_causal=True, need_weights=False)),
        (made(4, 2, **first), called(query, query, query, key_padding_mask=padding, need_weights=False)),
        (made(4, 4, bias=False), called(x(5, 4), x(3, 4), x(3, 4))),
    ]


def lstm_cases(x):
    state = (x(4, 2, 2), x(4, 2, 3))
    deep = {"num_layers": 2, "bidirectional": True, "proj_size": 2, "dropout": 0.3}
    return [
        (made(4, 3, **deep), called(x(5, 2, 4), state)),
        (made(4, 3, **deep, batch_first=True), called(x(2, 5, 4), state)),
        (made(4, 3, 1), called(x(5, 4), (x(1, 3), x(1, 3)))),
        (made(4, 3), called(packed(x, 4))),
        (made(4, 3, 2, bidirectional=True), called(packed(x, 4), (x(4, 3, 3), x(4, 3, 3)))),
    ]


def packed(x, width):
    lengths = torch.tensor([2, 4, 1])
    return torch.nn.utils.rnn.pack_padded_sequence(x(4, 3, width), lengths, enforce_sorted=False)


def padded_convolutions(dims):
    def cases(x):
        modes = ("reflect", "replicate", "circular")
        shape = (2, 4, *[6] * dims)
        padded = [(made(4, 6, 3, padding=1, padding_mode=mode, groups=2), called(x(*shape))) for mode in modes]
        return [*padded, (made(4, 4, 2, padding="same", padding_mode="circular", bias=False), called(x(*shape)))]

    return cases


def transposed_convolutions(dims):
    def cases(x):
        size, wanted = [5] * dims, [10] * dims
        return [
            (made(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), called(x(2, 4, *size))),
            (made(4, 2, 3, stride=2, padding=1), called(x(2, 4, *size), wanted)),
            (made(4, 2, 3, stride=2, padding=1, bias=False), called(x(4, *size), [2, *wanted])),
        ]

    return cases


def images(*constructors):
    return lambda x: [(constructor, called(x(2, 4, 6, 6))) for constructor in constructors]


def pairs(*constructors):
    return lambda x: [(constructor, called(x(3, 5), x(3, 5))) for constructor in constructors]


def triples(*constructors):
    return lambda x: [(constructor, called(x(3, 5), x(3, 5), x(3, 5))) for constructor in constructors]


def signals(*constructors):
    return lambda x: [(constructor, called(x(2, 3, 5))) for constructor in constructors]


def volumes(*constructors):
    return lambda x: [(constructor, called(x(2, 3, 4, 3, 5))) for constructor in constructors]


CASES = {
    "AdaptiveLogSoftmaxWithLoss": lambda x: [
        (made(8, 12, [3, 7]), called(x(5, 8), torch.tensor([0, 11, 4, 6, 2]))),
        (made(8, 12, [4], div_value=2.0, head_bias=True), called(x(8), torch.tensor(9))),
    ],
    "AlphaDropout": images(made(), made(0.2), made(1.0)),
    "ChannelShuffle": images(made(2)),
    "Conv1d": padded_convolutions(1),
    "Conv2d": padded_convolutions(2),
    "Conv3d": padded_convolutions(3),
    "ConvTranspose1d": transposed_convolutions(1),
    "ConvTranspose2d": transposed_convolutions(2),
    "ConvTranspose3d": transposed_convolutions(3),
    "CosineSimilarity": pairs(made(), made(0, eps=0.1)),
    "Dropout": images(made(), made(0.2, inplace=False), made(0.0), made(1.0)),
    "Dropout1d": signals(made(), made(0.2)),
    "Dropout2d": images(made(), made(0.2)),
    "Dropout3d": volumes(made(), made(0.2)),
    "Embedding": lambda x: [
        (made(9, 3, padding_idx=-2), called(torch.tensor([[1, 7], [8, 0]]))),
        (made(9, 3, max_norm=0.5, norm_type=1.0), called(torch.tensor([1, 7]))),
        (made(9, 3, scale_grad_by_freq=True), called(torch.tensor([1, 1, 4]))),
    ],
    "EmbeddingBag": embedding_bag_cases,
    "FeatureAlphaDropout": images(made(), made(0.2)),
    "Flatten": images(made(), made(0, 2)),
    "Fold": lambda x: [(made((4, 5), (2, 2), padding=1, stride=(2, 1)), called(x(2, 12, 18)))],
    "GRU": lambda x: [(made(4, 3, 2, bidirectional=True, dropout=0.5), called(packed(x, 4)))],
    "Hardsigmoid": images(made()),
    "Identity": images(made(3, unused=True)),
    "InstanceNorm2d": images(made(4, affine=True, track_running_stats=True, bias=False)),
    "LSTM": lstm_cases,
    "LazyBatchNorm1d": signals(made(), made(affine=False)),
    "LazyBatchNorm2d": images(made(momentum=None), made(bias=False)),
    "LazyBatchNorm3d": volumes(made(track_running_stats=False)),
    "LazyInstanceNorm1d": signals(made(), made(affine=True)),
    "LazyInstanceNorm2d": images(made(track_running_stats=True)),
    "LazyInstanceNorm3d": volumes(made()),
    "LazyLinear": images(made(3), made(3, bias=False)),
    "MaxUnpool1d": unpool_cases(1),
    "MaxUnpool2d": unpool_cases(2),
    "MaxUnpool3d": unpool_cases(3),
    "MultiheadAttention": attention_cases,
    "NLLLoss2d": lambda x: [(made(), called(x(2, 3, 4, 4).log_softmax(1).detach(), torch.ones(2, 4, 4).long()))],
    "PairwiseDistance": pairs(made(), made(1.0, 0.1, True)),
    "PixelShuffle": images(made(2)),
    "PixelUnshuffle": images(made(3)),
    "RNN": lambda x: [
        (made(4, 3, 1, "relu"), called(packed(x, 4))),
        (made(4, 3, nonlinearity="tanh", bidirectional=True, batch_first=True), called(x(5, 4))),
    ],
    "RReLU": images(made(), made(0.2, 0.9)),
    "SyncBatchNorm": images(made(4), made(4, momentum=None), made(4, affine=False, track_running_stats=False)),
    "Transformer": transformer_decoder_cases,
    "TripletMarginLoss": triples(made(), made(2.0, p=1, swap=True, reduction="sum")),
    "TripletMarginWithDistanceLoss": triples(made(), made(margin=2.0, swap=True, reduction="none")),
    "Unflatten": images(made(1, (2, 2)), made(-1, [3, -1])),
    "Unfold": images(made(2), made((2, 3), padding=1, dilation=(1, 2), stride=2)),
    "Upsample": images(
        made(scale_factor=2), made((3, 5), mode="bilinear"), made(scale_factor=(1.5, 2), mode="bicubic")
    ),
    "UpsamplingBilinear2d": images(made(scale_factor=2), made((3, 9))),
    "UpsamplingNearest2d": images(made(scale_factor=2), made((3, 9))),
}


def info_of(name):
    def inputs(info, device, dtype, requires_grad, training):
        def x(*shape):
            return make_tensor(shape, dtype=dtype, device=device, requires_grad=requires_grad)

        return [ModuleInput(constructor, forward) for constructor, forward in CASES[name](x)]

    return ModuleInfo(getattr(torch.nn, name), module_inputs_func=inputs)


@pytest.mark.parametrize("name", list(CASES))
def test_a_module_that_module_db_leaves_out_agrees_with_pytorch(name):
    verdicts = judge(info_of(name))
    assert verdicts.samples > 0
    assert not {check: text for check, text in verdicts.checks.items() if text not in (PASSED, NOTHING)}


def test_every_class_takes_the_parameters_that_pytorchs_takes():
    def parameters(kind):
        found = [(each.name, each.kind, shown(each.default)) for each in inspect.signature(kind).parameters.values()]
        return [each for each in found if each[0] != "self"]

    def shown(default):
        return default.__name__ if callable(default) and default is not inspect.Parameter.empty else default

    wrong = []
    # Two that are deprecated take in PyTorch whatever is given.
    for name in set(torch.nn.modules.__all__) - {"Container", "NLLLoss2d"}:
        theirs, ours = getattr(torch.nn, name), getattr(tenon.nn, name)
        if parameters(ours) != parameters(theirs):
            wrong.append(f"{name}: {parameters(ours)}, expected {parameters(theirs)}")
        places = (ours.__module__, ours.__qualname__)
        expected = (theirs.__module__.replace("torch", "tenon", 1), theirs.__qualname__)
        if places != expected:
            wrong.append(f"{name}: at {places}, expected {expected}")
    assert not wrong, "\n".join(wrong)


def test_seeds_names_of_the_sizes_of_linear():
    layer = tenon.nn.Linear(input_size=3, output_size=2)
    assert (layer.in_features, layer.out_features) == (3, 2)
    with pytest.raises(TypeError):
        tenon.nn.Linear(3, in_features=3)


def test_embeddings_are_made_of_given_vectors():
    with comparisons() as check:
        for name in ("Embedding", "EmbeddingBag"):
            for options in ({}, {"freeze": False}, {"padding_idx": 1}, {"sparse": True}):

                def made(t):
                    layer = getattr(t.nn, name).from_pretrained(t.arange(6.0).reshape(3, 2), **options)
                    return layer.weight, layer.padding_idx, layer.sparse, layer(t.tensor([[1, 2]]))

                check((name, options), made)
            check((name, "dims"), lambda t: getattr(t.nn, name).from_pretrained(t.zeros(3)))
            check((name, "shape"), lambda t: getattr(t.nn, name)(3, 2, _weight=t.zeros(3, 3)))
            check((name, "padding"), lambda t: getattr(t.nn, name)(3, 2, padding_idx=3))


def test_adaptive_softmax_gives_all_log_probabilities_and_predicts():
    def computed(t):
        t.manual_seed(0)
        layer, x = t.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], 2.0), t.rand(20, 8) * 40 - 20
        return layer.log_prob(x).detach(), layer.predict(x), layer.cutoffs, layer.head_size

    with comparisons() as check:
        check("all", computed, ulps=64, scale=1.0)
        for cutoffs in ([], [0, 3], [5, 3], [3, 3], [3, 12], [2.5]):
            check(cutoffs, lambda t: t.nn.AdaptiveLogSoftmaxWithLoss(8, 12, cutoffs) and None)
        layer = lambda t: t.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3])
        for shapes in (((4, 8), (3,)), ((8,), (1,)), ((4, 8), ()), ((4, 8), (4, 1))):
            check(shapes, lambda t: layer(t)(t.zeros(shapes[0]), t.zeros(shapes[1], dtype=t.int64)))
        check("class", lambda t: layer(t)(t.zeros(2, 8), t.tensor([3, 12])))


def test_cross_map_normalisation_is_pytorchs_and_its_gradient_that_of_its_result():
    with comparisons() as check:
        for size in (1, 2, 3, 4, 5):

            def normalised(t):
                t.manual_seed(0)
                return t.nn.CrossMapLRN2d(size, 0.7, 0.6, 2.0)(t.rand(2, 7, 3, 2, dtype=t.float64) - 0.5)

            check(size, normalised, ulps=16, scale=1.0)
        check("repr", lambda t: repr(t.nn.CrossMapLRN2d(3)))
        check("dims", lambda t: t.nn.CrossMapLRN2d(3)(t.zeros(3, 4, 5)))
    layer = tenon.nn.CrossMapLRN2d(3, 0.7, 0.6, 2.0)
    x = tenon.rand(1, 5, 2, 2, dtype=tenon.float64, requires_grad=True)
    assert tenon.autograd.gradcheck(layer, (x,))


def test_an_encoder_leaves_padding_zero_in_evaluation_without_gradients():
    def encoded(t, training, grad, mask_check=True, order=False):
        t.manual_seed(0)
        layer = t.nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True)
        encoder = t.nn.TransformerEncoder(layer, 2, t.nn.LayerNorm(8), mask_check=mask_check).train(training)
        padding = t.tensor([[False, False, True, True], [False] * 4])
        with t.set_grad_enabled(grad):
            return encoder(t.rand(2, 4, 8), src_key_padding_mask=padding.flip(1) if order else padding).detach()

    with comparisons() as check:
        for training in (True, False):
            for grad in (True, False):
                for order in (False, True):
                    check((training, grad, order), lambda t: encoded(t, training, grad, order=order), ulps=32, scale=1)
    assert not encoded(tenon, False, False)[0, 2:].std(0).any()
    tenon.backends.mha.set_fastpath_enabled(False)
    try:
        assert encoded(tenon, False, False)[0, 2:].std(0).all()
    finally:
        tenon.backends.mha.set_fastpath_enabled(True)


def test_a_transformer_warns_of_what_it_cannot_skip_and_refuses_what_does_not_fit():
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        tenon.nn.TransformerEncoder(tenon.nn.TransformerEncoderLayer(4, 2), 1)
    assert ["batch_first was not True" in str(each.message) for each in told] == [True]
    with comparisons() as check:
        made = lambda t: t.nn.Transformer(4, 2, 1, 1, 8)
        for shapes in (((3, 2, 4), (5, 1, 4)), ((3, 2, 5), (5, 2, 4)), ((3, 2, 4), (5, 2, 5))):
            check(shapes, lambda t: made(t)(t.zeros(shapes[0]), t.zeros(shapes[1])))
        check("activation", lambda t: t.nn.TransformerEncoderLayer(4, 2, activation="tanh") and None)
        check("mask", lambda t: t.nn.Transformer.generate_square_subsequent_mask(3))
        check("heads", lambda t: t.nn.MultiheadAttention(4, 3) and None)
        check("no heads", lambda t: t.nn.MultiheadAttention(4, 0) and None)


def test_recurrent_layers_refuse_what_does_not_fit():
    with comparisons() as check:
        for name in ("RNN", "GRU", "LSTM"):
            for options in (
                {"dropout": 2},
                {"dropout": True},
                {"bias": 1},
                {"batch_first": "yes"},
                {"num_layers": 0},
                {"proj_size": 9},
                {"proj_size": -1},
                {"nonlinearity": "gelu"},
            ):
                check((name, options), lambda t: getattr(t.nn, name)(4, 3, **options) and None)
            for sizes in ((0, 3), (4, 0), (4.0, 3), (4, "3")):
                check((name, sizes), lambda t: getattr(t.nn, name)(*sizes) and None)
            for shape in ((4,), (2, 3, 5), (1, 2, 3, 4)):
                check((name, shape), lambda t: getattr(t.nn, name)(4, 3)(t.zeros(shape)))
            check((name, "dtype"), lambda t: getattr(t.nn, name)(4, 3)(t.zeros(2, 3, 4, dtype=t.float64)))
            for shape in ((1, 3), (2, 3, 3), (1, 2, 3)):

                def with_state(t):
                    state = t.zeros(shape)
                    return getattr(t.nn, name)(4, 3)(t.zeros(2, 3, 4), (state, state) if name == "LSTM" else state)

                check((name, "state", shape), with_state)


def test_recurrent_weights_may_be_replaced_and_are_found_by_name():
    layer = tenon.nn.LSTM(4, 3, 2)
    theirs = torch.nn.LSTM(4, 3, 2)
    assert layer._flat_weights_names == theirs._flat_weights_names
    assert [[tuple(each.shape) for each in own] for own in layer.all_weights] == [
        [tuple(each.shape) for each in own] for own in theirs.all_weights
    ]
    x, before = tenon.rand(2, 1, 4), layer.weight_hh_l0
    first = layer(x)[0]
    layer.weight_hh_l0 = tenon.nn.Parameter(tenon.zeros(12, 3))
    assert not tenon.equal(layer(x)[0], first)
    layer._flat_weights = [before if i == 1 else weight for i, weight in enumerate(layer._flat_weights)]
    assert tenon.equal(layer(x)[0], first)
    del layer.weight_hh_l0
    layer.weight_hh_l0 = before.detach() * 1
    assert tenon.equal(layer(x)[0], first)


def test_batch_normalisation_loads_states_from_before_its_count_and_turns_into_a_synchronised_one():
    layer = tenon.nn.Sequential(tenon.nn.Conv2d(2, 3, 1), tenon.nn.Sequential(tenon.nn.BatchNorm2d(3)))
    layer(tenon.rand(2, 2, 4, 4))
    old = {name: value for name, value in layer.state_dict().items() if not name.endswith("num_batches_tracked")}
    other = copy.deepcopy(layer)
    assert not other.load_state_dict(old).missing_keys
    assert other[1][0].num_batches_tracked == 1
    with pytest.raises(RuntimeError, match="Unexpected running stats"):
        tenon.nn.InstanceNorm2d(3).load_state_dict({"running_mean": tenon.zeros(3), "running_var": tenon.ones(3)})
    turned = tenon.nn.SyncBatchNorm.convert_sync_batchnorm(layer)
    assert type(turned[1][0]) is tenon.nn.SyncBatchNorm and list(turned.state_dict()) == list(layer.state_dict())
    x = tenon.rand(2, 2, 4, 4)
    assert tenon.equal(turned(x), other(x))
    with pytest.raises(NotImplementedError, match="process_group"):
        tenon.nn.SyncBatchNorm(3, process_group=object())(tenon.rand(2, 3))


def test_wrong_arguments_raise_pytorchs_errors():
    calls = {
        "groups": lambda t: t.nn.Conv2d(3, 4, 3, groups=2),
        "no groups": lambda t: t.nn.Conv2d(3, 4, 3, groups=0),
        "padding": lambda t: t.nn.Conv2d(3, 4, 3, padding="full"),
        "stride": lambda t: t.nn.Conv2d(3, 4, 3, stride=2, padding="same"),
        "padding mode": lambda t: t.nn.Conv2d(3, 4, 3, padding_mode="constant"),
        "transposed mode": lambda t: t.nn.ConvTranspose2d(3, 4, 3, padding_mode="reflect"),
        "output size": lambda t: t.nn.ConvTranspose1d(3, 4, 3)(t.zeros(1, 3, 5), [9]),
        "output dims": lambda t: t.nn.ConvTranspose1d(3, 4, 3)(t.zeros(1, 3, 5), [1, 7]),
        "dropout": lambda t: t.nn.Dropout(1.5),
        "fraction": lambda t: t.nn.FractionalMaxPool2d(2),
        "both": lambda t: t.nn.FractionalMaxPool2d(2, output_size=3, output_ratio=0.5),
        "ratio": lambda t: t.nn.FractionalMaxPool3d(2, output_ratio=1.5),
        "kernel": lambda t: t.nn.FractionalMaxPool3d(0, output_ratio=0.5),
        "range": lambda t: t.nn.Hardtanh(1.0, -1.0),
        "softmax": lambda t: t.nn.Softmax2d()(t.zeros(2, 3)),
        "unflatten": lambda t: t.nn.Unflatten(1, (2, "3")),
        "unflattened": lambda t: t.nn.Unflatten(1, 6),
        "margin": lambda t: t.nn.TripletMarginLoss(margin=-1.0),
        "power": lambda t: t.nn.MultiMarginLoss(p=3),
        "delta": lambda t: t.nn.HuberLoss(delta="1"),
        "batch norm": lambda t: t.nn.BatchNorm2d(3)(t.zeros(2, 3)),
        "channels": lambda t: t.nn.InstanceNorm1d(3, affine=True)(t.zeros(2, 4, 5)),
        "bilinear": lambda t: t.nn.Bilinear(0, 3, 2),
        "lazy": lambda t: t.nn.LazyConv2d(4, 3)(t.zeros(2, 3)),
        "lazy groups": lambda t: t.nn.LazyConv2d(4, 3, groups=2)(t.zeros(1, 3, 5, 5)),
        "options": lambda t: t.nn.LinearCrossEntropyOptions(acc_policy="fast"),
        "chunks": lambda t: t.nn.LinearCrossEntropyOptions(chunking_method="aspect_ratio:0"),
        "unnamed": lambda t: t.nn.Linear(3),
    }
    with comparisons() as check:
        for name, call in calls.items():
            check(name, lambda t: call(t) and None)


def test_old_arguments_are_taken_with_a_warning():
    for make in (lambda t: t.nn.MSELoss(size_average=False), lambda t: t.nn.L1Loss(reduce=False)):
        with pytest.warns(UserWarning, match="will be deprecated"):
            layer = make(tenon)
        with pytest.warns(UserWarning):
            assert layer.reduction == make(torch).reduction
    with pytest.warns(FutureWarning, match="min_value"):
        assert tenon.nn.Hardtanh(min_value=-3.0).min_val == -3.0


def test_activations_may_edit_their_input():
    for name in ("CELU", "ELU", "Hardtanh", "LeakyReLU", "Mish", "ReLU", "ReLU6", "RReLU", "SELU", "SiLU"):
        x = tenon.tensor([-2.0, 3.0])
        assert getattr(tenon.nn, name)(inplace=True)(x) is x
        assert repr(getattr(tenon.nn, name)(inplace=True)) == repr(getattr(torch.nn, name)(inplace=True))


def test_a_pickled_layer_keeps_its_activation():
    layer = tenon.nn.TransformerEncoderLayer(4, 2, 8, activation="gelu")
    assert pickle.loads(pickle.dumps(layer)).activation is tenon.nn.functional.gelu


def test_products_of_groups():
    with comparisons() as check:
        for a, b, offs in (
            ((6, 8), (3, 8, 16), [2, 3, 6]),
            ((3, 4, 8), (8, 32), [8, 16, 32]),
            ((8, 16), (16, 16), [8, 16]),
            ((3, 4, 8), (3, 8, 16), None),
            ((3, 4, 8), (3, 8, 16), [1, 2, 3]),
            ((6, 8), (3, 8, 16), None),
            ((8,), (8, 16), [8]),
        ):

            def product(t):
                t.manual_seed(0)
                ends = None if offs is None else t.tensor(offs, dtype=t.int32)
                return t.nn.functional.grouped_mm(t.rand(a), t.rand(b), offs=ends)

            check((a, b, offs), product, ulps=8, scale=1.0, strides=False)
