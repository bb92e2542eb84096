"""The update against NumPy twins on linear softmax models, and the draw of sources."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from common import attacks
from common.training import optimizers
from ensemble_at.algorithm import EnsembleTraining
from tests.oracles import mixed as oracle
from tests.oracles import textbook, training

NATURAL = "a recipe"  # only how many there are is asked
METHOD = EnsembleTraining(
    attacks.StepLL(oracle.EPSILON),
    num_adversarial=oracle.K,
    minibatch=oracle.M,
    random_epsilon=False,
    delay=0,
    label_smoothing=0.1,
    sources=(NATURAL, NATURAL),
)


def linear(seed):
    """Returns a linear model with weights that the seed decides."""
    keras.utils.set_random_seed(seed)
    network = oracle.Heads()
    network(tf.zeros([1, *textbook.IMAGE]))
    return network


def bound(method=METHOD, count=2):
    """Returns the method on one linear model, with others beside it."""
    optimizer = optimizers.Momentum(0.9).build(training.RATE)
    return method.build(
        training.Recorder(linear(0)),
        optimizer,
        l2=training.L2,
        num_replicas=1,
        static_networks=[linear(1 + index) for index in range(count)],
    )


class Twin(oracle.Twin):
    """One update whose adversarial images are those of the network that is drawn."""

    def __init__(self, trained):
        super().__init__(trained)
        self.static = [
            {"dense/kernel": np.float64(kernel), "dense/bias": np.float64(bias)}
            for kernel, bias in (n.get_weights() for n in trained.static_networks)
        ]

    def crafted_by(self, place, images):
        """Returns the adversarial images of the network at a place."""
        own = self.values
        self.values = (own, *self.static)[place]
        adv_images = self.crafted(images)
        self.values = own
        return adv_images

    def updated(self, place, images, labels):
        """Returns the mixed minibatch, loss and percent correct; moves the weights."""
        mixed = images.astype(np.float64)
        chosen = np.arange(len(images)) % 2 == 1
        mixed[chosen] = self.crafted_by(place, mixed[chosen])
        weights = np.where(chosen, 0.3, 1.0)
        expected, gradients, _ = self.passes(
            mixed, labels, 0.1, weights / weights.sum()
        )
        self.descend(gradients)
        return mixed, expected


def test_updates_agree_with_numpy_whichever_network_is_drawn():
    trained = bound()
    twin, places = Twin(trained), []
    for seed in range(6):
        images, labels = training.minibatch(seed, oracle.M)
        places.append(int(trained.drawn(seed)))
        mixed, expected = twin.updated(places[-1], images, labels)
        metrics = training.step(trained, (images, labels), seed)
        order = np.argsort(np.arange(oracle.M) % 2 == 0, kind="stable")
        seen = np.asarray(trained.network.calls[-1][0])
        np.testing.assert_allclose(seen, mixed[order], atol=1e-3)
        twin.check(metrics, expected)
    assert set(places) == {0, 1, 2}


def test_static_networks_do_not_move():
    trained = bound()
    before = [n.get_weights() for n in trained.static_networks]
    for seed in range(6):
        training.step(trained, training.minibatch(seed, oracle.M), seed)
    for network, weights in zip(trained.static_networks, before, strict=True):
        for value, old in zip(network.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(value, old)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_sources_are_drawn_uniformly_and_by_the_seed(count):
    method = dataclasses.replace(METHOD, sources=(NATURAL,) * count)
    draw = tf.function(lambda seeds: tf.map_fn(method.drawn, seeds, tf.int32))
    seeds = tf.range(6_000, dtype=tf.int64)
    places = draw(seeds).numpy()
    np.testing.assert_array_equal(draw(seeds), places)
    share = 1 / (1 + count)
    width = 4 * np.sqrt(share * (1 - share) / 6_000)
    found = np.bincount(places, minlength=1 + count) / 6_000
    assert len(found) == 1 + count
    assert np.abs(found - share).max() <= width


def test_without_sources_it_is_one_step_adversarial_training():
    method = dataclasses.replace(METHOD, sources=())
    trained = bound(method, 0)
    plain = oracle.bound(dataclasses.replace(oracle.FIXED, label_smoothing=0.1))
    batch = training.minibatch(1, oracle.M)
    found, expected = (training.step(x, batch, 5) for x in (trained, plain))
    assert float(found["loss"]) == float(expected["loss"])


def test_an_update_without_the_networks_of_all_sources_is_refused():
    with pytest.raises(ValueError, match=r"all 2 sources\. Received: 1 static"):
        training.step(bound(count=1), training.minibatch(1, oracle.M))
