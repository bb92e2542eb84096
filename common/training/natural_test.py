"""Natural training against a NumPy twin; more of it beside the Free paper's method."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.training import optimizers
from common.training.natural import NaturalTraining
from tests import linear, twins

RATE, L2 = 0.05, 0.02


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_descent_on_the_images_as_they_are(smoothing):
    keras.utils.set_random_seed(0)
    network = linear.Linear()
    network(tf.zeros([1, *twins.IMAGE]))
    trained = NaturalTraining(smoothing).build(
        linear.Recorder(network),
        optimizers.Momentum().build(RATE),
        l2=L2,
        num_replicas=1,
    )
    twin = linear.Twin(trained, rate=RATE)
    for seed in range(3):
        images, labels = twins.batch(6, seed=seed)
        batch = (tf.constant(images), tf.constant(labels))
        metrics, state = trained.train_step(batch, (), 0)
        expected, gradients, _ = twin.passes(np.float64(images), labels, smoothing)
        twin.descend(gradients)
        twin.check(trained, metrics, expected)
        assert state == ()
    assert [training for _, training in trained.network.calls] == [True] * 3


@pytest.mark.parametrize("smoothing", [-0.1, 1.0])
def test_a_smoothing_outside_its_range_is_refused(smoothing):
    with pytest.raises(ValueError, match=rf"Received: label_smoothing={smoothing}"):
        NaturalTraining(smoothing)
