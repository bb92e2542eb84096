"""What `cost` says, against counts by hand."""

import dataclasses

import keras
import pytest
import tensorflow as tf

from common import data, engine, errors
from common.training import Method, cost


@dataclasses.dataclass(frozen=True)
class Convolutions:
    """A 3x3 convolution, another of stride 2, and a classifier."""

    def build(self, num_classes, image_size, channels=3):
        return keras.Sequential(
            [
                keras.Input((image_size, image_size, channels)),
                keras.layers.Conv2D(8, 3, padding="same", use_bias=False),
                keras.layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False),
                keras.layers.GlobalAveragePooling2D(),
                keras.layers.Dense(num_classes),
            ]
        )


# Two operations for each product: 3*3*1*8 of them at 8*8 places, and so on.
FLOPS = 2 * (8 * 8 * 9 * 1 * 8 + 4 * 4 * 9 * 8 * 16 + 16 * 10)
WEIGHTS = 9 * 8 + 9 * 8 * 16 + 16 * 10 + 10


@dataclasses.dataclass(frozen=True)
class Counted(Method):
    """Only its numbers matter."""

    num_replays: int = 1
    attack_passes: int = 0
    update_passes: float = 1


@pytest.fixture
def describe(tiny_recipe, monkeypatch):
    """Returns a function: fields of a recipe -> its costs by name.

    An image takes an eighth of a second, which makes 3 * 8 forward passes a second.
    """
    monkeypatch.setattr(cost, "_seconds_of_a_pass", lambda _, __, count: count / 8)

    def described(**fields):
        recipe = dataclasses.replace(tiny_recipe, network=Convolutions(), **fields)
        lines = cost.describe(recipe).splitlines()
        return {line[:22].strip(): line[22:] for line in lines}

    return described


@dataclasses.dataclass(frozen=True)
class FiftyThousand(data.Digits):
    """Digits that claim the size of CIFAR-10."""

    num_train = 50_000


@pytest.mark.parametrize(("num_replays", "minibatches"), [(1, 80_000), (8, 10_000)])
def test_passes_over_the_data_are_204_8_over_m(describe, num_replays, minibatches):
    found = describe(
        dataset=FiftyThousand(),
        method=Counted(num_replays),
        batch_size=128,
        num_steps=80_000,
    )
    assert found["updates"] == "80,000 of 128 images"
    assert found["minibatches"] == f"{minibatches:,}, each used {num_replays} times"
    assert found["passes over the data"] == f"{204.8 / num_replays:.1f}"


def test_a_last_minibatch_that_is_used_less_often_counts(describe):
    found = describe(method=Counted(8), num_steps=81)
    assert found["minibatches"].startswith("11,")


def test_flops_of_a_forward_pass_are_those_by_hand():
    network = Convolutions().build(10, 8, 1)
    found = engine.forward_flops(network, (1, 8, 8, 1))
    assert found == pytest.approx(FLOPS, rel=0.05)


@pytest.mark.parametrize(
    ("attack_passes", "update_passes", "forward_passes"),
    [(0, 1, 3), (7, 1, 3 + 14), (7, 1.2, 3.6 + 14)],
)
def test_training_is_updates_and_attack_passes(
    describe, attack_passes, update_passes, forward_passes
):
    found = describe(
        method=Counted(1, attack_passes, update_passes),
        batch_size=1_000,
        num_steps=1_000_000,
    )
    assert found["weights"] == f"{WEIGHTS:,}"
    assert found["passes per update"] == (
        f"{update_passes}, and {attack_passes} of the attack"
    )
    flops, unit = found["training"].split()
    assert unit == "PFLOP"
    assert float(flops) == pytest.approx(forward_passes * FLOPS * 1e9 / 1e15, rel=0.05)
    # A million updates of 1,000 images, at 3 * 8 forward passes a second.
    hours = forward_passes * 1e9 / (3 * 8) / 3600
    assert float(found["estimate"].split()[0]) == pytest.approx(hours, rel=1e-3)


@pytest.mark.parametrize(
    ("batch_size", "seconds", "most", "asked", "said"),
    [  # seconds of a pass of so many images; images that fit into memory
        (128, lambda n: 0.01, 10**9, [1, 128], "the 128 images of an update in 0.01 s"),
        (1, lambda n: 9.0, 10**9, [1], "the 1 images of an update in 9 s"),
        (128, lambda n: n / 8, 10**9, [1, 32], "32 of the 128 images of an update ("),
        (128, lambda n: 9.0, 10**9, [1], "1 of the 128 images of an update ("),
        (128, lambda n: 0.01, 40, [1, 128, 64, 32], "32 of the 128 images"),
        (12, lambda n: 0.01, 1, [1, 12, 6, 3], "1 of the 12 images of an update ("),
    ],
)
def test_as_many_images_are_timed_as_an_update_has_if_time_and_memory_allow(
    tiny_recipe, monkeypatch, batch_size, seconds, most, asked, said
):
    tried = []

    def timed(network, dataset, count):
        tried.append(count)
        if count > most:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")
        return seconds(count)

    monkeypatch.setattr(cost, "_seconds_of_a_pass", timed)
    recipe = dataclasses.replace(
        tiny_recipe, network=Convolutions(), batch_size=batch_size
    )
    *_, last, _ = cost.describe(recipe).splitlines()
    assert tried == asked
    assert last.startswith(f"timed on              {said}")
    # "More need over 4 s, or more memory": said where it is so.
    assert ("more need over 4 s" in last) == (str(batch_size) not in said.split()[:2])


def test_too_little_memory_for_one_image_is_no_reason_to_try_more(
    tiny_recipe, monkeypatch
):
    def timed(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")

    monkeypatch.setattr(cost, "_seconds_of_a_pass", timed)
    with pytest.raises(
        errors.RunError, match=r"one image .* Received: ResourceExhausted.*OOM"
    ):
        cost.describe(dataclasses.replace(tiny_recipe, network=Convolutions()))


def test_the_pass_that_is_timed_is_run(tiny_recipe):
    network = Convolutions().build(10, 8, 1)
    before = [v.numpy() for v in network.variables]
    assert 0 < cost._seconds_of_a_pass(network, tiny_recipe.dataset, 3) < 60
    assert all(
        (a == v.numpy()).all() for a, v in zip(before, network.variables, strict=True)
    )
