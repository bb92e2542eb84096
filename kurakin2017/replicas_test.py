"""Mixed training on two replicas and on one: the same weights."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np
import pytest

from common import attacks
from common.engine import strategy
from common.models import layers
from common.training import loop, optimizers, schedules
from kurakin2017.algorithm import MixedTraining
from tests import small_paper

STEP_LL = MixedTraining(
    attacks.StepLL(40.0), num_adversarial=5, minibatch=8, delay=2, label_smoothing=0.1
)


@dataclasses.dataclass(frozen=True)
class Network(small_paper.Network):
    """The small paper's network, as one head."""

    def build(
        self, num_classes: int, image_size: int, channels: int = 3
    ) -> keras.Model:
        return layers.built(_Model(self.norm, num_classes), image_size, channels)


class _Model(small_paper._Model):
    def heads(self, images: Any, training: bool = False, seed: Any = None) -> Any:
        del seed
        return (self.call(images, training=training),)


def trained(distribution, run_dir, **changes):
    recipe = dataclasses.replace(
        small_paper.FREE,
        network=Network("synchronized"),
        method=dataclasses.replace(STEP_LL, **changes),
        optimizer=optimizers.RMSProp(),
        schedule=schedules.ExponentialDecay(rate=0.045, factor=0.94, every=3),
        average=0.9,
        num_steps=6,
    )
    loop.train(recipe, run_dir, distribution=distribution)
    return small_paper.saved(run_dir)


@pytest.mark.parametrize(
    "changes",
    [
        {},  # 5 of 8: neither replica count divides it
        {"attack": attacks.StepRandom(40.0)},
        {"attack": attacks.RandomSign(40.0)},
        {"num_adversarial": 0},
    ],
    ids=str,
)
def test_two_replicas_train_what_one_does(changes, tmp_path, two_replicas):
    one = trained(strategy.make("one_device"), tmp_path / "one", **changes)
    two = trained(two_replicas, tmp_path / "two", **changes)
    assert one.keys() == two.keys()
    assert any(name.startswith("average/") for name in one)
    for name, array in one.items():
        np.testing.assert_allclose(two[name], array, rtol=0, atol=1e-6, err_msg=name)


def test_a_batch_that_two_replicas_cannot_mix_is_refused(tmp_path, two_replicas):
    with pytest.raises(ValueError, match=r"3 of every 32 .*Received: 8 images"):
        trained(two_replicas, tmp_path, num_adversarial=3, minibatch=32)
