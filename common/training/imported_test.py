"""TF-Slim checkpoints with the names and shapes of the released ones, read back."""

import hashlib

import numpy as np
import pytest
import tensorflow as tf

from common import models
from common.training import imported

# Written down from the code of TF-Slim: shapes for 1001 classes on 299 pixels.
V3 = {
    "Conv2d_1a_3x3/weights": (3, 3, 3, 32),
    "Conv2d_3b_1x1/weights": (1, 1, 64, 80),
    "Conv2d_4a_3x3/BatchNorm/moving_mean": (192,),
    "Mixed_5b/Branch_1/Conv2d_0b_5x5/weights": (5, 5, 48, 64),
    "Mixed_5c/Branch_1/Conv_1_0c_5x5/weights": (5, 5, 48, 64),
    "Mixed_6a/Branch_0/Conv2d_1a_1x1/weights": (3, 3, 288, 384),
    "Mixed_6b/Branch_2/Conv2d_0d_7x1/weights": (7, 1, 128, 128),
    "Mixed_6c/Branch_1/Conv2d_0c_7x1/weights": (7, 1, 160, 192),
    "Mixed_7b/Branch_1/Conv2d_0b_1x3/weights": (1, 3, 384, 384),
    "Mixed_7b/Branch_1/Conv2d_0b_3x1/weights": (3, 1, 384, 384),
    "Mixed_7c/Branch_2/Conv2d_0d_3x1/BatchNorm/moving_mean": (384,),
    "AuxLogits/Conv2d_1b_1x1/weights": (1, 1, 768, 128),
    "AuxLogits/Conv2d_2a_5x5/weights": (5, 5, 128, 768),
    "AuxLogits/Conv2d_2b_1x1/weights": (1, 1, 768, 1001),
    "AuxLogits/Conv2d_2b_1x1/biases": (1001,),
    "Logits/Conv2d_1c_1x1/weights": (1, 1, 2048, 1001),
    "Logits/Conv2d_1c_1x1/biases": (1001,),
}
V4 = {
    "Conv2d_2a_3x3/BatchNorm/moving_mean": (32,),
    "Mixed_4a/Branch_1/Conv2d_0c_7x1/weights": (7, 1, 64, 64),
    "Mixed_6a/Branch_1/Conv2d_1a_3x3/weights": (3, 3, 224, 256),
    "Mixed_6h/Branch_2/Conv2d_0e_1x7/weights": (1, 7, 224, 256),
    "Mixed_7d/Branch_2/Conv2d_0e_3x1/weights": (3, 1, 512, 256),
    "AuxLogits/Conv2d_1b_1x1/weights": (1, 1, 1024, 128),
    "AuxLogits/Conv2d_2a/weights": (5, 5, 128, 768),
    "AuxLogits/Aux_logits/weights": (768, 1001),
    "AuxLogits/Aux_logits/biases": (1001,),
    "Logits/Logits/weights": (1536, 1001),
    "Logits/Logits/biases": (1001,),
}

RESNET_V2 = {
    "Mixed_5b/Branch_0/Conv2d_1x1/weights": (1, 1, 192, 96),
    "Repeat/block35_10/Branch_2/Conv2d_0c_3x3/weights": (3, 3, 48, 64),
    "Repeat/block35_1/Conv2d_1x1/weights": (1, 1, 128, 320),
    "Repeat/block35_1/Conv2d_1x1/biases": (320,),
    "Repeat_1/block17_20/Branch_1/Conv2d_0b_1x7/weights": (1, 7, 128, 160),
    "Repeat_1/block17_20/Conv2d_1x1/weights": (1, 1, 384, 1088),
    "Mixed_7a/Branch_2/Conv2d_1a_3x3/weights": (3, 3, 288, 320),
    "Repeat_2/block8_9/Conv2d_1x1/weights": (1, 1, 448, 2080),
    "Block8/Branch_1/Conv2d_0c_3x1/BatchNorm/moving_mean": (256,),
    "Conv2d_7b_1x1/weights": (1, 1, 2080, 1536),
    "AuxLogits/Conv2d_1b_1x1/weights": (1, 1, 1088, 128),
    "AuxLogits/Conv2d_2a_5x5/weights": (5, 5, 128, 768),
    "AuxLogits/Logits/weights": (768, 1001),
    "Logits/Logits/biases": (1001,),
}
HEADS = ("Conv2d_1c_1x1", "Conv2d_2b_1x1", "Logits/Logits/", "/logits/")
RESNET_50_V2 = {
    "conv1/weights": (7, 7, 3, 64),
    "conv1/biases": (64,),
    "block1/unit_1/bottleneck_v2/preact/gamma": (64,),
    "block1/unit_1/bottleneck_v2/shortcut/weights": (1, 1, 64, 256),
    "block1/unit_3/bottleneck_v2/conv2/BatchNorm/moving_variance": (64,),
    "block2/unit_1/bottleneck_v2/conv3/biases": (512,),
    "block4/unit_3/bottleneck_v2/conv1/weights": (1, 1, 2048, 512),
    "postnorm/beta": (2048,),
    "logits/weights": (1, 1, 2048, 1001),
    "logits/biases": (1001,),
}


def slim_name(path):
    """Returns the name that slim gives to the variable at a path of ours."""
    network, *scopes, layer, name = path.split("/")
    if network.startswith("resnet_v2"):
        return resnet_name(path)
    batch_norm = layer == "norm"
    name = {"kernel": "weights", "bias": "biases"}.get(name, name)
    scope = {
        "inception_resnet_v2": "InceptionResnetV2",
        "inception_v3": "InceptionV3",
        "inception_v4": "InceptionV4",
    }[network]
    return "/".join([scope, *scopes, *(["BatchNorm"] if batch_norm else []), name])


def resnet_name(path):
    """Returns the same for a ResNet of version 2, whose names are told one by one."""
    scopes = path.split("/")
    if scopes[1].startswith("block"):
        scopes.insert(3, "bottleneck_v2")
    ends = {
        ("conv", "kernel"): ["weights"],
        ("conv", "bias"): ["biases"],
        **{
            ("norm", name): ["BatchNorm", name]
            for name in ("gamma", "beta", "moving_mean", "moving_variance")
        },
    }
    *first, layer, name = scopes
    return "/".join([*first, *ends.get((layer, name), [layer, name])])


def random_arrays(network, seed=0):
    """Returns an array for each variable of the network, under slim's name."""
    rng = np.random.default_rng(seed)
    return {
        slim_name(v.path): rng.uniform(0.01, 0.1, v.shape).astype("float32")
        for v in network.variables
    }


def save(arrays, prefix):
    """Writes a TensorFlow checkpoint."""
    names, values = list(arrays), list(arrays.values())
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=values,
    )
    return prefix


# A few filters, on images of 75 pixels: the first blocks and heads, and no more.
def narrow(model, **fields):
    return model(width=0.01, blocks=(2, 1, 1), **fields).build(10, 75)


@pytest.fixture(scope="module")
def third():
    return narrow(models.InceptionV3)


@pytest.fixture(scope="module")
def headless():
    return narrow(models.InceptionV3, auxiliary=False)


@pytest.fixture(scope="module")
def fourth():
    return narrow(models.InceptionV4)


@pytest.fixture(scope="module")
def residual():
    return narrow(models.InceptionResNetV2)


@pytest.fixture(scope="module")
def second():
    return models.ResNetV2(50).build(10, 8)


def check_holds(network, arrays, first_class=0):
    """Every variable holds its array; the last ones from `first_class` on."""
    for variable in network.variables:
        array = arrays[slim_name(variable.path)]
        if array.shape != tuple(variable.shape):
            array = array[..., first_class:]
        np.testing.assert_array_equal(variable.numpy(), array, err_msg=variable.path)


@pytest.mark.parametrize("name", ["third", "fourth", "residual", "second"])
def test_a_slim_checkpoint_is_read_whole(name, request, tmp_path):
    network = request.getfixturevalue(name)
    arrays = random_arrays(network)
    prefix = save({**arrays, "global_step": np.int64(7)}, tmp_path / "model.ckpt")
    found = imported.load(prefix, network)
    check_holds(network, arrays)
    hashes = found.pop("sha256")
    assert found == {
        "file": "model.ckpt",
        "kind": "TF-Slim",
        "num_classes": 10,
        "background": False,
        "averaged": 0,
    }
    assert sorted(hashes) == ["model.ckpt.data-00000-of-00001", "model.ckpt.index"]
    for part, digest in hashes.items():
        assert digest == hashlib.sha256((tmp_path / part).read_bytes()).hexdigest()


def with_classes(arrays, num_classes):
    """Returns the arrays with that many classes in both heads."""
    rng = np.random.default_rng(3)
    return {
        name: rng.uniform(size=(*array.shape[:-1], num_classes)).astype("float32")
        if any(head in name for head in HEADS)
        else array
        for name, array in arrays.items()
    }


def test_the_background_is_dropped_from_both_heads(third, tmp_path):
    arrays = with_classes(random_arrays(third), 11)
    found = imported.load(save(arrays, tmp_path / "model.ckpt"), third)
    assert (found["num_classes"], found["background"]) == (11, True)
    check_holds(third, arrays, first_class=1)
    (bias,) = (v for v in third.variables if v.path.endswith("2b_1x1/conv/bias"))
    expected = arrays["InceptionV3/AuxLogits/Conv2d_2b_1x1/biases"][1:]
    np.testing.assert_array_equal(bias.numpy(), expected)


@pytest.mark.parametrize("name", ["residual", "second"])
def test_the_background_is_dropped_from_heads_alone(name, request, tmp_path):
    """What projects a residual block has biases, too, and as many filters as before."""
    network = request.getfixturevalue(name)
    arrays = with_classes(random_arrays(network), 11)
    assert imported.load(save(arrays, tmp_path / "model.ckpt"), network)["background"]
    check_holds(network, arrays, first_class=1)


def test_averages_are_preferred_and_slots_are_passed_over(third, tmp_path):
    raw, averaged = random_arrays(third, 0), random_arrays(third, 1)
    only_raw = {name: raw[name] for name in raw if name.endswith("moving_mean")}
    slots = {f"{name}/RMSProp": -array for name, array in raw.items()}
    averages = {
        f"{name}/ExponentialMovingAverage": array
        for name, array in averaged.items()
        if name not in only_raw
    }
    prefix = save({**raw, **slots, **averages}, tmp_path / "model.ckpt-9")
    found = imported.load(prefix, third)
    assert found["averaged"] == len(averages) == len(raw) - len(only_raw)
    check_holds(third, {**averaged, **only_raw})


def test_the_head_that_a_network_is_without_is_passed_over(third, headless, tmp_path):
    arrays = random_arrays(third)
    imported.load(save(arrays, tmp_path / "model.ckpt"), headless)
    check_holds(headless, arrays)


def without(part):
    return lambda arrays: {k: v for k, v in arrays.items() if part not in k}


def with_another(name, array):
    return lambda arrays: {**arrays, f"InceptionV3/{name}": np.zeros(array, "float32")}


MISFITS = {
    "no head": (
        without("AuxLogits"),
        "lacks 10 variables.*Received: none for AuxLogits/Conv2d_1b_1x1/conv/kernel",
    ),
    "one more block": (
        with_another("Mixed_5d/Branch_0/Conv2d_0a_1x1/weights", (1, 1, 64, 16)),
        "of another network. Received: InceptionV3/Mixed_5d/Branch_0/Conv2d_0a_1x1/we",
    ),
    "two classes more": (
        lambda arrays: with_classes(arrays, 12),
        r"at Logits/Conv2d_1c_1x1/conv/kernel: expected shape \(1, 1, \d+, 10\)\. "
        r"Received: \(1, 1, \d+, 12\)",
    ),
    "a class more in one head": (
        lambda arrays: {
            **arrays,
            **without("AuxLogits")(with_classes(arrays, 11)),
        },
        r"AuxLogits/.*: expected shape .*10\)\. Received: .*9\)",
    ),
    "more filters": (
        with_another("Conv2d_2b_3x3/weights", (3, 3, 16, 25)),
        r"at Conv2d_2b_3x3/conv/kernel: .*\(3, 3, 16, 16\).*\(3, 3, 16, 25\)",
    ),
}


@pytest.mark.parametrize("misfit", MISFITS)
def test_what_does_not_fit_is_refused_and_changes_nothing(misfit, third, tmp_path):
    change, message = MISFITS[misfit]
    prefix = save(change(random_arrays(third, 5)), tmp_path / "model.ckpt")
    before = [v.numpy() for v in third.variables]
    with pytest.raises(ValueError, match=message) as caught:
        imported.load(prefix, third)
    assert "\n" not in str(caught.value)
    for variable, value in zip(third.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_what_is_not_there_or_broken_is_refused_in_one_line(third, tmp_path):
    with pytest.raises(ValueError, match="prefix of a TF-Slim checkpoint, or"):
        imported.load(tmp_path / "none.ckpt", third)
    (tmp_path / "half.ckpt").write_bytes(b"half a file")
    with pytest.raises(ValueError, match=r"half\.ckpt does not read") as caught:
        imported.load(tmp_path / "half.ckpt", third)
    assert "\n" not in str(caught.value)
    prefix = save(random_arrays(third), tmp_path / "flipped.ckpt")
    (file,) = tmp_path.glob("flipped.ckpt.data-*")
    contents = bytearray(file.read_bytes())
    contents[len(contents) // 2] ^= 1
    file.write_bytes(contents)
    with pytest.raises(ValueError, match=r"flipped\.ckpt does not read"):
        imported.load(prefix, third)


def test_other_networks_are_refused(fourth, tmp_path):
    (tmp_path / "model.h5").write_bytes(b"")
    with pytest.raises(ValueError, match=r"of inception_v3\. .*network=inception_v4"):
        imported.load(tmp_path / "model.h5", fourth)
    (tmp_path / "model.ckpt").write_bytes(b"")
    wide = models.WideResNet(depth=8, width=1).build(10, 8)
    with pytest.raises(ValueError, match=r"inception_v4, .*network=wide_resnet"):
        imported.load(tmp_path / "model.ckpt", wide)


def test_the_order_of_keras_names_each_convolution_of_slim_once():
    assert len(imported.KERAS_ORDER) == len(set(imported.KERAS_ORDER)) == 94
    scopes = {name.rpartition("/weights")[0] for name in V3 if "Logits" not in name}
    assert scopes - {""} <= set(imported.KERAS_ORDER)


@pytest.mark.slow
def test_names_and_shapes_of_a_resnet_are_those_of_slim():
    arrays = random_arrays(models.ResNetV2(50).build(1001, 96))
    for name, shape in RESNET_50_V2.items():
        assert arrays[f"resnet_v2_50/{name}"].shape == shape, name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "scope", "picked"),
    [
        (models.InceptionV3, "InceptionV3", V3),
        (models.InceptionV4, "InceptionV4", V4),
        (models.InceptionResNetV2, "InceptionResnetV2", RESNET_V2),
    ],
)
def test_a_checkpoint_of_the_released_size_gives_its_logits(
    model, scope, picked, tmp_path
):
    source = model().build(1001, 299)
    arrays = random_arrays(source)
    for name, shape in picked.items():
        assert arrays[f"{scope}/{name}"].shape == shape, name
    values = {slim_name(v.path): v.numpy() for v in source.variables}
    extra = {"global_step": np.int64(7)}
    prefix = save({**values, **extra}, tmp_path / f"adv_{model.__name__}.ckpt")
    network = model().build(1000, 299)
    found = imported.load(prefix, network)
    assert (found["num_classes"], found["background"]) == (1001, True)
    images = np.random.default_rng(1).uniform(0, 255, (1, 299, 299, 3))
    for ours, theirs in zip(network.heads(images), source.heads(images), strict=True):
        assert np.std(theirs) > 1e-3
        np.testing.assert_allclose(ours, theirs[:, 1:], rtol=1e-4, atol=1e-5)
