"""tenon.vision against torchvision: transforms with their random numbers, data sets, models, grids."""

import gzip
import pickle
import random
import struct

import numpy as np
import pytest
import tenon
import torch
from PIL import Image

# torchvision's wheel, compiled for CUDA, leaves out its own ops beside a PyTorch without it, but asks for these two.
_library = torch.library.Library("torchvision", "DEF")
_library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
_library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import tenon.vision.transforms.v2  # noqa: E402
import torchvision.transforms.v2  # noqa: E402
from tenon import vision  # noqa: E402

PIXELS = np.random.RandomState(0).randint(0, 256, (23, 31, 3), dtype=np.uint8)


def image(kind, library):
    if kind == "pil":
        return Image.fromarray(PIXELS)
    if kind == "gray":
        return Image.fromarray(PIXELS[:, :, 0])
    pixels = library.from_numpy(PIXELS.transpose(2, 0, 1).copy())
    return pixels if kind == "bytes" else pixels.to(library.float32) / 255


def array(value):
    if isinstance(value, (tuple, list)):
        return [array(each) for each in value]
    return np.asarray(value) if isinstance(value, Image.Image) else value.detach().numpy()


def seed(number):
    torch.manual_seed(number)
    tenon.manual_seed(number)
    random.seed(number)


def agree(ours, theirs, kind):
    if isinstance(ours, list):
        assert len(ours) == len(theirs)
        for own, their in zip(ours, theirs):
            agree(own, their, kind)
        return
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    if kind in ("bytes", "floats"):
        # A value halfway between two bytes, or a point halfway between two pixels, may fall to either side.
        near = np.isclose(ours, theirs, rtol=1e-4, atol=2e-5 if ours.dtype.kind == "f" else 1)
        assert (ours != theirs).mean() < 0.01 or ours.dtype.kind == "f"
        assert (~near).mean() < 0.005
    else:
        np.testing.assert_array_equal(ours, theirs)


TRANSFORMS = [
    lambda t: t.Resize(12),
    lambda t: t.Resize((40, 17)),
    lambda t: t.Resize(20, max_size=24),
    lambda t: t.Resize((10, 10), t.InterpolationMode.NEAREST),
    lambda t: t.Resize((9, 33), t.InterpolationMode.BICUBIC),
    lambda t: t.CenterCrop(11),
    lambda t: t.CenterCrop((40, 12)),
    lambda t: t.FiveCrop(8),
    lambda t: t.TenCrop((7, 9), vertical_flip=True),
    lambda t: t.Pad(3),
    lambda t: t.Pad((1, 4), fill=7, padding_mode="constant"),
    lambda t: t.Pad((1, 2, 3, 4), padding_mode="edge"),
    lambda t: t.Pad(5, padding_mode="reflect"),
    lambda t: t.Pad((2, 0, 4, 6), padding_mode="symmetric"),
    lambda t: t.RandomCrop(16),
    lambda t: t.RandomCrop(28, padding=4),
    lambda t: t.RandomCrop((40, 50), pad_if_needed=True, padding_mode="edge"),
    lambda t: t.RandomHorizontalFlip(),
    lambda t: t.RandomVerticalFlip(0.7),
    lambda t: t.RandomResizedCrop(14),
    lambda t: t.RandomResizedCrop((10, 20), scale=(0.5, 1), ratio=(4, 5)),
    lambda t: t.RandomRotation(40),
    lambda t: t.RandomRotation((10, 80), t.InterpolationMode.BILINEAR, expand=True, fill=9),
    lambda t: t.RandomRotation(90, center=(3, 5)),
    lambda t: t.RandomAffine(30),
    lambda t: t.RandomAffine((-20, 50), (0.1, 0.3), (0.5, 1.5), 12, t.InterpolationMode.BILINEAR, fill=5),
    lambda t: t.RandomAffine(0, shear=(1, 5, 2, 9), center=(4, 7)),
    lambda t: t.RandomPerspective(0.6, 0.9),
    lambda t: t.RandomPerspective(p=1, interpolation=t.InterpolationMode.NEAREST, fill=3),
    lambda t: t.Grayscale(),
    lambda t: t.Grayscale(3),
    lambda t: t.RandomGrayscale(0.5),
    lambda t: t.ColorJitter(0.4, 0.4, 0.4, 0.2),
    lambda t: t.ColorJitter(brightness=(0.2, 1.8), hue=(-0.5, 0.5)),
    lambda t: t.GaussianBlur(5),
    lambda t: t.GaussianBlur((3, 7), 1.5),
    lambda t: t.ElasticTransform(),
    lambda t: t.ElasticTransform([90.0, 30.0], [2.0, 5.0], t.InterpolationMode.NEAREST, fill=9),
    lambda t: t.RandomInvert(),
    lambda t: t.RandomAutocontrast(),
    lambda t: t.RandomAdjustSharpness(1.7),
    lambda t: t.RandomApply([t.RandomHorizontalFlip(1), t.CenterCrop(9)], 0.4),
    lambda t: t.RandomOrder([t.CenterCrop(20), t.Pad(2), t.RandomHorizontalFlip(1)]),
    lambda t: t.RandomChoice([t.CenterCrop(20), t.Pad(2)], p=[1, 3]),
    lambda t: t.Compose([t.Resize(20), t.RandomCrop(16, padding=2), t.RandomHorizontalFlip()]),
]
BYTES_ONLY = [
    lambda t: t.RandomPosterize(3),
    lambda t: t.RandomSolarize(99),
    lambda t: t.RandomEqualize(),
]


@pytest.mark.parametrize("kind", ["pil", "gray", "bytes", "floats"])
def test_transforms_give_torchvisions_images(kind):
    for make in TRANSFORMS + (BYTES_ONLY if kind != "floats" else []):
        ours, theirs = make(vision.transforms), make(torchvision.transforms)
        assert repr(ours) == repr(theirs)
        for number in range(4):
            seed(number)
            expected, after = array(theirs(image(kind, torch))), torch.rand(1).item()
            seed(number)
            agree(array(ours(image(kind, tenon))), expected, kind)
            assert tenon.rand(1).item() == after, f"{ours!r} draws other numbers"


@pytest.mark.parametrize("kind", ["bytes", "floats"])
def test_transforms_of_tensors_alone(kind):
    makes = [
        lambda t, x: t.RandomErasing(0.8),
        lambda t, x: t.RandomErasing(1, (0.1, 0.3), (0.5, 2), (1, 2, 3)),
        lambda t, x: t.ConvertImageDtype(x.float32),
        lambda t, x: t.ConvertImageDtype(x.uint8),
    ]
    if kind == "floats":
        makes += [
            lambda t, x: t.Normalize((0.1, 0.2, 0.3), (0.5, 0.6, 0.7)),
            lambda t, x: t.RandomErasing(1, value="random"),
            lambda t, x: t.ConvertImageDtype(x.int16),
        ]
    else:
        makes += [lambda t, x: t.ConvertImageDtype(x.int32), lambda t, x: t.ToPILImage()]
    for make in makes:
        ours, theirs = make(vision.transforms, tenon), make(torchvision.transforms, torch)
        seed(3)
        expected = array(theirs(image(kind, torch)))
        seed(3)
        agree(array(ours(image(kind, tenon))), expected, kind)


@pytest.mark.parametrize("mode", ["1", "L", "I", "F", "RGB", "RGBA", "LA", "CMYK", "HSV"])
def test_pil_images_become_tensors_and_images_again(mode):
    pil = Image.fromarray(PIXELS).convert(mode)
    ours, theirs = vision.transforms.ToTensor()(pil), torchvision.transforms.ToTensor()(pil)
    agree(array(ours), array(theirs), "pil")
    ours, theirs = vision.transforms.PILToTensor()(pil), torchvision.transforms.PILToTensor()(pil)
    agree(array(ours), array(theirs), "pil")
    if mode not in ("1", "F"):
        again = vision.transforms.ToPILImage(mode)(ours)
        assert again.mode == mode and array(again).tolist() == array(pil).tolist()


def test_arrays_become_tensors_and_images():
    for pixels in (PIXELS, PIXELS[:, :, 0], PIXELS.astype(np.float32) / 255, PIXELS.astype(np.int32)[:, :, 1]):
        agree(array(vision.transforms.ToTensor()(pixels)), array(torchvision.transforms.ToTensor()(pixels)), "pil")
        agree(
            array(vision.transforms.ToPILImage()(pixels)), array(torchvision.transforms.ToPILImage()(pixels)), "pil"
        )


@pytest.mark.parametrize(
    "wrong",
    [
        lambda t, x: t.functional.to_tensor(3),
        lambda t, x: t.functional.to_tensor(np.zeros((2, 2, 2, 2))),
        lambda t, x: t.functional.to_pil_image(x.zeros(5, 2, 2)),
        lambda t, x: t.functional.to_pil_image(x.zeros(2, 2), mode="RGB"),
        lambda t, x: t.functional.normalize(x.zeros(3, 2, 2, dtype=x.uint8), [0], [1]),
        lambda t, x: t.functional.normalize(x.zeros(3, 2, 2), [0], [0]),
        lambda t, x: t.functional.resize(x.zeros(3, 2, 2), [1, 2, 3]),
        lambda t, x: t.functional.resize("image", 3),
        lambda t, x: t.functional.pad(x.zeros(3, 2, 2), [1, 2, 3]),
        lambda t, x: t.functional.pad(x.zeros(3, 2, 2), 1, padding_mode="other"),
        lambda t, x: t.functional.adjust_hue(x.zeros(3, 2, 2), 0.6),
        lambda t, x: t.functional.adjust_brightness(x.zeros(3, 2, 2), -1),
        lambda t, x: t.functional.adjust_contrast(x.zeros(5, 2, 2), 1),
        lambda t, x: t.functional.gaussian_blur(x.zeros(3, 9, 9), 4),
        lambda t, x: t.functional.convert_image_dtype(x.zeros(3, 2, 2), x.int64),
        lambda t, x: t.functional.affine(x.zeros(3, 2, 2), 0, [0], 1, [0, 0]),
        lambda t, x: t.functional.affine(x.zeros(3, 2, 2), 0, [0, 0], -1, [0, 0]),
        lambda t, x: t.functional.five_crop(x.zeros(3, 2, 2), 3),
        lambda t, x: t.RandomCrop(9)(x.zeros(3, 2, 2)),
        lambda t, x: t.RandomRotation(-3),
        lambda t, x: t.RandomAffine(0, translate=(2, 3)),
        lambda t, x: t.ColorJitter(brightness=-1),
        lambda t, x: t.GaussianBlur(2),
        lambda t, x: t.RandomErasing(p=2),
        lambda t, x: t.Lambda(3),
        lambda t, x: t.Resize((1, 2, 3)),
    ],
)
def test_wrong_calls_raise_torchvisions_errors(wrong):
    with pytest.raises(Exception) as theirs:
        wrong(torchvision.transforms, torch)
    with pytest.raises(type(theirs.value)):
        wrong(vision.transforms, tenon)


# --- data sets


def write_idx(path, values, type_code, order=">"):
    header = struct.pack(">BBBB", 0, 0, type_code, values.ndim) + struct.pack(f">{values.ndim}I", *values.shape)
    content = header + values.astype(values.dtype.newbyteorder(order)).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    (gzip.open if path.suffix == ".gz" else open)(path, "wb").write(content)


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST", "KMNIST"])
def test_mnist_is_read_as_torchvision_reads_it(tmp_path, name):
    numbers = np.random.RandomState(1)
    for part, count in (("train", 7), ("t10k", 4)):
        raw = tmp_path / name / "raw"
        write_idx(raw / f"{part}-images-idx3-ubyte", numbers.randint(0, 256, (count, 28, 28), dtype=np.uint8), 8)
        write_idx(raw / f"{part}-labels-idx1-ubyte", numbers.randint(0, 10, count, dtype=np.uint8), 8)
    for train in (True, False):
        theirs = getattr(torchvision.datasets, name)(str(tmp_path), train, torchvision.transforms.ToTensor())
        ours = getattr(vision.datasets, name)(str(tmp_path), train, vision.transforms.ToTensor())
        assert len(ours) == len(theirs) and repr(ours) == repr(theirs)
        assert ours.classes == theirs.classes and ours.class_to_idx == theirs.class_to_idx
        assert ours.data.tolist() == theirs.data.tolist() and ours.targets.tolist() == theirs.targets.tolist()
        for (own, target), (their, expected) in zip(ours, theirs):
            assert target == expected and type(target) is type(expected)
            agree(array(own), array(their), "floats")


@pytest.mark.parametrize("code, dtype", [(8, "u1"), (9, "i1"), (11, "i2"), (12, "i4"), (13, "f4"), (14, "f8")])
def test_idx_files_of_every_type_plain_and_compressed(tmp_path, code, dtype):
    values = (np.random.RandomState(2).randn(3, 5) * 50).astype(dtype)
    for name in ("numbers", "numbers.gz"):
        write_idx(tmp_path / name, values, code)
        found = vision.datasets.mnist.read_sn3_pascalvincent_tensor(tmp_path / name)
        np.testing.assert_array_equal(np.array(found), values)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\0\x08",
        b"\0\0\x08\x01",
        b"\1\0\x08\x01\0\0\0\x01\0",
        b"\0\0\x07\x01\0\0\0\x01\0",
        b"\0\0\x08\x04" + b"\0\0\0\x01" * 4 + b"\0",
        b"\0\0\x08\x01\0\0\0\x02\0",
        b"\0\0\x08\x01\0\0\0\x01\0\0",
        b"\0\0\x08\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    ],
)
def test_broken_idx_files_are_refused(tmp_path, content):
    (tmp_path / "broken").write_bytes(content)
    with pytest.raises(ValueError, match="broken"):
        vision.datasets.mnist.read_sn3_pascalvincent_tensor(tmp_path / "broken")


def test_a_missing_data_set_names_the_file(tmp_path):
    with pytest.raises(RuntimeError, match="train-images-idx3-ubyte"):
        vision.datasets.MNIST(tmp_path, download=True)
    with pytest.raises(RuntimeError, match="data_batch_1"):
        vision.datasets.CIFAR10(tmp_path)


def write_cifar(folder, names, label_key, meta):
    folder.mkdir()
    numbers = np.random.RandomState(3)
    for name in names:
        pixels, labels = numbers.randint(0, 256, (4, 3072), dtype=np.uint8), numbers.randint(0, 3, 4)
        batch = {"data": pixels, label_key: labels.tolist()}
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
    (folder / meta[0]).write_bytes(pickle.dumps({meta[1]: ["cat", "dog", "eel"]}, protocol=2))


def test_cifar_is_read_as_torchvision_reads_it(tmp_path, monkeypatch):
    batches = [f"data_batch_{number}" for number in range(1, 6)]
    write_cifar(tmp_path / "cifar-10-batches-py", [*batches, "test_batch"], "labels", ("batches.meta", "label_names"))
    write_cifar(tmp_path / "cifar-100-python", ["train", "test"], "fine_labels", ("meta", "fine_label_names"))
    # Its checksums are those of the real files.
    for kind in (torchvision.datasets.CIFAR10, torchvision.datasets.CIFAR100):
        monkeypatch.setattr(kind, "_check_integrity", lambda self: True)
    monkeypatch.setattr(torchvision.datasets.cifar, "check_integrity", lambda path, md5=None: True)
    for name in ("CIFAR10", "CIFAR100"):
        for train in (True, False):
            theirs, ours = (getattr(each.datasets, name)(str(tmp_path), train) for each in (torchvision, vision))
            assert len(ours) == len(theirs) and repr(ours) == repr(theirs) and ours.classes == theirs.classes
            for (own, target), (their, expected) in zip(ours, theirs):
                assert target == expected and array(own).tolist() == array(their).tolist()


def test_a_cifar_file_runs_no_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return exec, ("raise SystemExit('it ran')",)

    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    (folder / "data_batch_1").write_bytes(pickle.dumps({"data": Evil()}))
    with pytest.raises(pickle.UnpicklingError, match="builtins.exec"):
        vision.datasets.CIFAR10(tmp_path)


def test_folders_of_images_are_read_as_torchvision_reads_them(tmp_path):
    for path in ("dog/a.png", "dog/deep/b.jpg", "cat/c.bmp", "cat/notes.txt"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        if path.endswith("txt"):
            (tmp_path / path).write_text("no image")
        else:
            Image.fromarray(PIXELS).save(tmp_path / path)
    theirs, ours = (each.datasets.ImageFolder(str(tmp_path)) for each in (torchvision, vision))
    assert ours.samples == theirs.samples == ours.imgs and ours.targets == theirs.targets
    assert ours.classes == theirs.classes and ours.class_to_idx == theirs.class_to_idx and repr(ours) == repr(theirs)
    assert all(array(own[0]).tolist() == array(their[0]).tolist() for own, their in zip(ours, theirs))
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="empty"):
        vision.datasets.ImageFolder(tmp_path)
    assert len(vision.datasets.ImageFolder(tmp_path, allow_empty=True)) == 3


def test_fake_data_is_torchvisions():
    arguments = {"size": 3, "image_size": (3, 8, 9), "num_classes": 4, "random_offset": 5}
    theirs, ours = torchvision.datasets.FakeData(**arguments), vision.datasets.FakeData(**arguments)
    seed(1)
    for (own, target), (their, expected) in zip(ours, theirs):
        assert target == expected
        difference = np.abs(array(own).astype(int) - array(their).astype(int))
        # Random numbers may differ in their last bit, and so may what they are rounded to.
        assert (difference != 0).mean() < 0.01
    assert tenon.rand(1).item() == torch.rand(1).item()
    with pytest.raises(IndexError):
        ours[3]


# --- models and grids


@pytest.mark.parametrize(
    "name",
    ["resnet18", "resnext50_32x4d", "mobilenet_v2", "alexnet"],
)
def test_models_have_torchvisions_parameters_and_results(name):
    seed(0)
    theirs, ours = (getattr(each.models, name)(num_classes=5) for each in (torchvision, vision))
    assert repr(ours) == repr(theirs)
    expected = {key: value.numpy() for key, value in theirs.state_dict().items()}
    found = {key: value.numpy() for key, value in ours.state_dict().items()}
    assert list(found) == list(expected)
    for key, value in found.items():
        np.testing.assert_allclose(value, expected[key], rtol=1e-6, atol=1e-8, err_msg=key)
    pixels = np.random.RandomState(5).rand(2, 3, 64, 64).astype(np.float32)
    theirs.eval(), ours.eval()
    with torch.no_grad(), tenon.no_grad():
        np.testing.assert_allclose(ours(tenon.tensor(pixels)), theirs(torch.tensor(pixels)), rtol=1e-3, atol=1e-4)


def test_the_vision_transformer_has_torchvisions_parameters_and_results():
    seed(0)
    arguments = (32, 8, 2, 4, 32, 64)
    theirs, ours = (
        each.models.VisionTransformer(*arguments, num_classes=5, representation_size=16)
        for each in (torchvision, vision)
    )
    assert repr(ours) == repr(theirs)
    expected = theirs.state_dict()
    assert list(ours.state_dict()) == list(expected)
    for key, value in ours.state_dict().items():
        np.testing.assert_allclose(value.numpy(), expected[key].numpy(), rtol=1e-6, atol=1e-8, err_msg=key)
    pixels = np.random.RandomState(5).rand(2, 3, 32, 32).astype(np.float32)
    for model in (ours, theirs):
        (tenon if model is ours else torch).nn.init.ones_(model.heads.head.weight)
    np.testing.assert_allclose(ours(tenon.tensor(pixels)).detach(), theirs(torch.tensor(pixels)).detach(), rtol=1e-4)
    with pytest.raises(ValueError, match="image height"):
        ours(tenon.zeros(1, 3, 40, 32))


def test_trained_weights_are_refused_honestly():
    for options in ({"weights": "DEFAULT"}, {"pretrained": True}):
        with pytest.raises(ValueError, match="holds no trained weights"):
            vision.models.resnet18(**options)
    assert vision.models.resnet18(weights=None, progress=True, num_classes=2).fc.out_features == 2
    with pytest.raises(ValueError, match="holds no trained weights"):
        vision.models.resnet18(weights=vision.models.ResNet18_Weights.IMAGENET1K_V1)


def test_weights_have_torchvisions_names():
    for name in [name for name in vars(vision.models) if name.endswith("_Weights")]:
        ours, theirs = getattr(vision.models, name), getattr(torchvision.models, name)
        assert {**ours.__members__}.keys() == {**theirs.__members__}.keys(), name
        assert repr(ours.DEFAULT) == repr(theirs.DEFAULT)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"nrow": 3, "padding": 1, "pad_value": 0.5},
        {"normalize": True},
        {"normalize": True, "scale_each": True},
        {"normalize": True, "value_range": (-1, 2)},
    ],
)
def test_grids_are_torchvisions(options, tmp_path):
    values = np.random.RandomState(4).randn(10, 3, 5, 6).astype(np.float32)
    for part in (values, values[:1], values[:, :1], values[0], values[0, 0]):
        ours = vision.utils.make_grid(tenon.tensor(part), **options)
        np.testing.assert_array_equal(ours, torchvision.utils.make_grid(torch.tensor(part), **options))
    listed = vision.utils.make_grid([tenon.tensor(each) for each in values], **options)
    assert tenon.equal(listed, vision.utils.make_grid(tenon.tensor(values), **options))
    vision.utils.save_image(tenon.tensor(values), tmp_path / "ours.png", **options)
    torchvision.utils.save_image(torch.tensor(values), tmp_path / "theirs.png", **options)
    ours, theirs = (array(Image.open(tmp_path / f"{name}.png")) for name in ("ours", "theirs"))
    np.testing.assert_array_equal(ours, theirs)


SAMPLES = [
    lambda t: t.Resize((12, 15)),
    lambda t: t.CenterCrop(11),
    lambda t: t.Pad((1, 4), fill=7),
    lambda t: t.RandomCrop(16),
    lambda t: t.RandomCrop((23, 16)),
    lambda t: t.RandomCrop(28, padding=4),
    lambda t: t.RandomHorizontalFlip(),
    lambda t: t.RandomVerticalFlip(0.7),
    lambda t: t.RandomResizedCrop(14, antialias=True),
    lambda t: t.RandomRotation(40),
    lambda t: t.RandomAffine((-20, 50), (0.1, 0.3), (0.5, 1.5), 12, t.InterpolationMode.BILINEAR, fill=5),
    lambda t: t.RandomPerspective(0.6, 0.9),
    lambda t: t.Grayscale(3),
    lambda t: t.RandomGrayscale(0.5),
    lambda t: t.ColorJitter(0.4, 0.4, 0.4),
    lambda t: t.GaussianBlur(5),
    lambda t: t.ElasticTransform(60.0, 3.0),
    lambda t: t.RandomInvert(),
    lambda t: t.RandomAutocontrast(),
    lambda t: t.RandomAdjustSharpness(1.7),
    lambda t: t.RandomApply([t.RandomHorizontalFlip(1), t.CenterCrop(9)], 0.4),
    lambda t: t.RandomOrder([t.CenterCrop(20), t.Pad(2), t.RandomHorizontalFlip(1)]),
    lambda t: t.RandomChoice([t.CenterCrop(20), t.Pad(2)], p=[1, 3]),
    lambda t: t.Identity(),
]


@pytest.mark.parametrize("kind", ["pil", "bytes", "floats"])
@pytest.mark.filterwarnings("ignore:Unable to find acceptable character detection")
def test_transforms_of_samples_give_torchvisions_images(kind):
    ours_v2, theirs_v2 = vision.transforms.v2, torchvision.transforms.v2
    for make in SAMPLES:
        for number in range(4):
            results = []
            for transforms, library in ((ours_v2, tenon), (theirs_v2, torch)):
                seed(number)
                sample = {"image": image(kind, library), "label": number, "box": library.arange(4)}
                found = make(transforms)(sample, "name") if kind == "pil" else (make(transforms)(sample), "name")
                assert found[1] == "name" and found[0]["label"] == number and found[0]["box"].tolist() == [0, 1, 2, 3]
                results.append((array(found[0]["image"]), library.rand(2).tolist()))
            if kind == "floats":
                agree(results[0][0], results[1][0], kind)
            else:
                # torchvision computes some of these in fixed point, and a matrix in another order.
                own, their = (result[0].astype(int) for result in results)
                assert own.shape == their.shape and (np.abs(own - their) > 1).mean() < 0.005
            assert results[0][1] == results[1][1]


def test_the_usual_pipeline_of_samples():
    def made(t, library):
        steps = [
            t.ToImage(),
            t.RandomResizedCrop(size=(16, 16), antialias=True),
            t.RandomHorizontalFlip(p=0.5),
            t.ToDtype(library.float32, scale=True),
            t.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
        ]
        return t.Compose(steps)

    for number in range(6):
        results = []
        for transforms, library in ((vision.transforms.v2, tenon), (torchvision.transforms.v2, torch)):
            seed(number)
            results.append(made(transforms, library)(image("pil", library), 3))
        assert results[0][1] == results[1][1] == 3
        ours, theirs = (array(result[0]) for result in results)
        # One of 255 levels, in the units of the standard deviation.
        np.testing.assert_allclose(ours, theirs, atol=1.01 / 255 / 0.22)


def test_all_images_of_a_sample_are_changed_alike():
    v2 = vision.transforms.v2
    seed(1)
    first, second, label = v2.RandomResizedCrop(9)(image("pil", tenon), image("pil", tenon), 5)
    np.testing.assert_array_equal(array(first), array(second))
    assert label == 5

    class Shifted(v2.Transform):
        def make_params(self, images):
            return {"by": len(images)}

        def transform(self, inpt, params):
            return inpt + params["by"]

    assert Shifted()([tenon.zeros(1, 2, 2), tenon.zeros(2)])[0].sum() == 4
    with pytest.raises(NotImplementedError):
        v2.Transform()(tenon.ones(1, 2, 2))
    for steps, error in ((3, TypeError), ([], ValueError)):
        texts = []
        for module in (v2, torchvision.transforms.v2):
            with pytest.raises(error) as raised:
                module.Compose(steps)
            texts.append(str(raised.value))
        assert texts[0] == texts[1]


def test_functions_of_samples():
    ours, theirs = vision.transforms.v2.functional, torchvision.transforms.v2.functional
    for kind in ("pil", "gray", "bytes"):
        own, their = image(kind, tenon), image(kind, torch)
        assert ours.get_size(own) == theirs.get_size(their)
        assert ours.get_num_channels(own) == theirs.get_num_channels(their)
        for name in ("to_image", "horizontal_flip", "vertical_flip"):
            np.testing.assert_array_equal(array(getattr(ours, name)(own)), array(getattr(theirs, name)(their)))
    np.testing.assert_array_equal(array(ours.to_image(PIXELS)), array(theirs.to_image(PIXELS)))
    for dtype in ("uint8", "float32", "float64", "int32"):
        for scale in (False, True):
            own = ours.to_dtype(image("bytes", tenon), getattr(tenon, dtype), scale)
            their = theirs.to_dtype(image("bytes", torch), getattr(torch, dtype), scale)
            np.testing.assert_array_equal(array(own), array(their))
    with pytest.raises(TypeError, match="Input can either be a pure Tensor, a numpy array, or a PIL image"):
        ours.to_image("text")
