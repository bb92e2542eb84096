"""The maxout network: its numbers, what it drops out, and its bounded weights."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from common.models import Maxout
from common.training import natural, optimizers

SMALL = Maxout(units=7, pieces=3)


def pixels(count, seed=1):
    images = np.random.default_rng(seed).uniform(0, 255, (count, 4, 4, 1))
    return images.astype("float32")


def built(**fields):
    """Returns a small network with weights that reach the logits."""
    network = dataclasses.replace(SMALL, **fields).build(5, 4, channels=1)
    rng = np.random.default_rng(0)
    network.set_weights([rng.normal(0, 0.5, v.shape) for v in network.weights])
    return network


@pytest.mark.parametrize("units", [240, 1_600])
def test_the_networks_of_the_paper_have_their_weights(units):
    network = Maxout(units=units).build(10, 28, channels=1)
    width = 5 * units
    expected = (784 + 1) * width + (units + 1) * width + (units + 1) * 10
    assert network.count_params() == expected
    for variable in network.trainable_variables:
        values = variable.numpy()
        if variable.name == "bias":
            assert not values.any()
        else:
            assert 0.0049 < np.abs(values).max() <= 0.005


def test_a_unit_is_the_largest_of_its_pieces():
    network, images = built(), pixels(6)
    kernels = [v.numpy().astype("float64") for v in network.weights]
    features = images.reshape(6, 16) / 255.0
    for kernel, bias in (kernels[0:2], kernels[2:4]):
        pieces = (features @ kernel + bias).reshape(6, 3, 7)
        features = np.array([[max(p[:, u]) for u in range(7)] for p in pieces])
    expected = features @ kernels[4] + kernels[5]
    np.testing.assert_allclose(network(images), expected, rtol=1e-4, atol=1e-4)
    (head,) = network.heads(images, training=False)
    np.testing.assert_array_equal(head, network(images))


@pytest.mark.parametrize("place", [0, 1, 2])
def test_pixels_and_both_hidden_layers_lose_their_shares(place):
    """What a place hands on is looked at through a layer that hands it on as well."""
    network, count = Maxout(units=200, pieces=1).build(200, 20, channels=1), 60
    images = np.full((count, 20, 20, 1), 255.0, "float32")
    images[:, 0, 0, 0] = np.arange(count)  # each draws for itself
    rates = enumerate(network.rates)
    network.rates = tuple(rate if at == place else 0.0 for at, rate in rates)
    kernels = [np.eye(400, 200, k=-1), np.eye(200), np.eye(200)]
    network.set_weights([w for k in kernels for w in (k, np.zeros(200))])
    found = network(images, training=True, seed=3).numpy()
    share = [0.2, 0.5, 0.5][place]
    np.testing.assert_allclose(np.unique(found), [0.0, 1 / (1 - share)], rtol=1e-6)
    assert (found == 0).mean() == pytest.approx(share, abs=0.02)


def test_the_places_draw_apart():
    network = Maxout(units=300, pieces=1, input_dropout=0.5).build(300, 20, channels=1)
    images = np.full((8, 20, 20, 1), 255.0, "float32")
    images[:, 0, 0, 0] = np.arange(8)
    kernels = [np.eye(400, 300, k=-1), np.eye(300), np.eye(300)]
    network.set_weights([w for k in kernels for w in (k, np.zeros(300))])
    found = network(images, training=True, seed=3).numpy()
    assert (found > 0).mean() == pytest.approx(0.125, abs=0.03)


def test_training_needs_no_seed_where_nothing_is_dropped():
    network = built(input_dropout=0.0, dropout=0.0)
    assert not network.draws
    images = pixels(2)
    np.testing.assert_array_equal(network(images, training=True), network(images))


def test_an_update_leaves_no_incoming_weights_above_their_norm():
    network = built(max_norm=0.8)
    method = natural.NaturalTraining().build(
        network, optimizers.Momentum(0.7).build(0.1), l2=0.0, num_replicas=1
    )
    batch = tf.constant(pixels(6)), tf.constant([0, 1, 2, 3, 4, 0])
    method.train_step(batch, (), tf.constant(1, tf.int64))
    for kernel in (v.numpy() for v in network.weights if v.name == "kernel"):
        norms = np.linalg.norm(kernel, axis=0)
        assert norms.max() == pytest.approx(0.8, abs=1e-5)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("units", 0), ("pieces", 0), ("input_dropout", 1.0), ("dropout", -0.1)),
        *(("max_norm", 0.0), ("max_norm", float("nan")), ("dropout", float("nan"))),
    ],
)
def test_fields_out_of_range_are_refused(field, value):
    with pytest.raises(ValueError, match=f"Maxout.{field} must.*{field}={value}"):
        Maxout(**{field: value})
