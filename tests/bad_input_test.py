"""What is refused: in one line, with the value and with what to change.

Each row of `REFUSALS` is an input that would spoil a result without a word.
"""

import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf

import ensemble_at
from common import attacks, cli, data, evaluation, models, overrides
from common.engine import strategy
from common.training import RunError, loop, schedules
from free_at import PAPER
from free_at.algorithm import FreeTraining, PGDTraining

PGD = functools.partial(attacks.PGD, epsilon=8.0, step_size=2.0, num_steps=2)
FREE = dataclasses.replace(
    PAPER.at("digits").recipe("cifar10_free_8"),
    network=models.WideResNet(depth=8, width=1, stem_stride=2),
    num_steps=2,
    probe=None,
)


def logits_fn(images):
    pixels = tf.reshape(images, [-1, 64])
    return pixels[:, 20:30] / 50.0 + pixels[:, 30:40] / 70.0


def probabilities(images):
    return tf.nn.softmax(logits_fn(images))


@dataclasses.dataclass(frozen=True)
class Changed(data.Digits):
    """Digits with other pixels or labels."""

    factor: float = 1.0
    offset: float = 0.0
    label_offset: int = 0

    def arrays(self, split, data_dir):
        images, labels = super().arrays(split, data_dir)
        pixels = images * np.float32(self.factor) + np.float32(self.offset)
        return pixels, labels + np.int32(self.label_offset)


class Softmax(models.WideResNet):
    """A network that ends with a softmax."""

    def build(self, num_classes, image_size, channels=3):
        network = super().build(num_classes, image_size, channels)
        answer = network.call
        network.call = lambda *args, **kwargs: tf.nn.softmax(answer(*args, **kwargs))
        return network


def train(run_dir, *, replicas=1, **fields):
    distribution = strategy.make("mirrored" if replicas == 2 else "one_device")
    recipe = dataclasses.replace(FREE, **fields)
    loop.train(recipe, run_dir, distribution=distribution)


def evaluate(answers, dataset=Changed(), attack=None):
    batches = dataset.test_batches(batch_size=20).take(2)
    evaluation.evaluate(answers, batches, attack)


def attacked(images, labels=(1,)):
    attacks.FGSM(8.0)(logits_fn, tf.constant(images), labels)


def set_field(assignment):
    overrides.override(PAPER.at("digits").recipe("cifar10_pgd_7"), [assignment])


def another_recipe(run_dir):
    train(run_dir, num_steps=1)
    train(run_dir, num_steps=1, method=FreeTraining(num_replays=8, epsilon=30.0))


def other_weights(run_dir):
    train(run_dir, num_steps=1)
    (run_dir / "recipe.json").unlink()
    train(run_dir, num_steps=1, network=models.WideResNet(8, 2, stem_stride=2))


# What the suite promises to refuse; every promise has a row below.
PROMISES = (
    "epsilon outside (0.05, 128]",
    "steps of 0",
    "images outside [0, 255]",
    "labels outside the classes",
    "probabilities for logits",
    "a batch that does not divide",
    "a checkpoint of another recipe",
    "a loss that is not finite",
)
EPSILON, STEPS, IMAGES, LABELS, PROBABILITIES, BATCH, OTHER, LOSS = PROMISES

ONE = np.full((1, 8, 8, 1), 1.0, np.float32)
TOO_FAST = schedules.PiecewiseConstant((1,), (1e38, 1e38))

REFUSALS = [  # promise, what is done in an empty folder, value, what to change
    (EPSILON, lambda _: attacks.FGSM(0.05), "epsilon=0.05", "pixels of 255"),
    (EPSILON, lambda _: FreeTraining(8, 8 / 255), "epsilon=0.03", "pixels of 255"),
    (EPSILON, lambda _: PGDTraining(200.0, 2.0, 7), "epsilon=200.0", "pixels"),
    (EPSILON, lambda _: set_field("probe.epsilon=0"), "epsilon=0", "pixels of 255"),
    (STEPS, lambda _: PGD(num_steps=0), "num_steps=0", "num_steps must"),
    (STEPS, lambda _: attacks.IterBasic(8, 1.0, 0), "num_steps=0", "num_steps must"),
    (STEPS, lambda _: PGDTraining(8, 2, 0), "num_steps=0", "num_steps must"),
    (STEPS, lambda _: FreeTraining(0, 8.0), "num_replays=0", "num_replays must"),
    (STEPS, lambda _: set_field("num_steps=0"), "num_steps=0", "Recipe.num_steps"),
    (IMAGES, lambda _: attacked(ONE * 256), "max=256", "the network does it"),
    (IMAGES, lambda _: attacked(ONE / 255), "max=0.0039", "Multiply them by 255"),
    (STEPS, lambda _: FreeTraining(2.5, 8.0), "num_replays=2.5", "num_replays must"),
    (
        STEPS,
        lambda _: dataclasses.replace(FREE, num_steps=5.7),
        "num_steps=5.7",
        "a whole number",
    ),
    (LABELS, lambda _: attacked(9 * ONE, [10]), "label=10, num_classes=10", "dataset"),
    (IMAGES, lambda _: evaluate(logits_fn, Changed(1 / 255)), "max=1", "by 255"),
    (IMAGES, lambda _: evaluate(logits_fn, Changed(2.0)), "max=510", "normalisation"),
    (IMAGES, lambda _: evaluate(logits_fn, Changed(np.nan)), "nan", "dataset"),
    (IMAGES, lambda d: train(d, dataset=Changed(1 / 255)), "max=1", "by 255"),
    (IMAGES, lambda d: train(d, dataset=Changed(1, -9)), "min=-9", "normalisation"),
    (
        LABELS,
        lambda _: evaluate(logits_fn, Changed(label_offset=1)),
        "label=10, num_classes=10",
        "dataset",
    ),
    (
        LABELS,
        lambda d: train(d, dataset=Changed(label_offset=-1)),
        "label=-1, num_classes=10",
        "dataset",
    ),
    (PROBABILITIES, lambda _: evaluate(probabilities), "max=0", "softmax off"),
    (PROBABILITIES, lambda _: evaluate(probabilities, attack=PGD()), "max=", "softmax"),
    (
        PROBABILITIES,
        lambda d: train(d, network=Softmax(8, 1, stem_stride=2)),
        "max=",
        "softmax off",
    ),
    (
        BATCH,
        lambda d: train(d, batch_size=33, replicas=2),
        "batch_size=33, devices=2",
        "--set batch_size=",
    ),
    (OTHER, another_recipe, "recipe.method.epsilon: 40.0 != 30.0", "--workdir"),
    (OTHER, other_weights, "(3, 3, 16, 16)", "take another --workdir"),
    (
        LOSS,
        lambda d: train(d, schedule=TOO_FAST, num_steps=4, checkpoint_every=1),
        "loss=",
        "--set schedule.values=",
    ),
]


@pytest.mark.parametrize(
    ("act", "value", "change"),
    [row[1:] for row in REFUSALS],
    ids=[f"{row[0]}-{row[2]}" for row in REFUSALS],
)
def test_it_is_refused_in_one_line_with_the_value_and_what_to_change(
    act, value, change, tmp_path
):
    with pytest.raises((ValueError, RunError)) as caught:
        act(tmp_path)
    message = str(caught.value)
    assert "\n" not in message
    assert value in message
    assert change in message


def test_every_promise_has_a_row():
    assert {row[0] for row in REFUSALS} == set(PROMISES)


def test_a_fault_of_the_code_is_printed_whole_and_no_verdict(capsys):
    assert cli.fail(KeyError("unexpected")) == cli.FAILED
    assert "KeyError: 'unexpected'" in capsys.readouterr().err


def test_sources_of_other_networks_are_no_words():
    recipe = ensemble_at.PAPER.at("digits").recipe("v3adv")
    with pytest.raises(ValueError, match="The field stays empty"):
        overrides.override(recipe, ['method.sources=["v4"]'])
