"""The base of the training algorithms: shares, penalty, descent."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.models import batch_norm
from common.training import method, optimizers
from tests.oracles import textbook

L2 = 0.25


class Network(keras.Model):
    """Batch norm of the pixels, then one dense layer with a bias."""

    def __init__(self):
        super().__init__(name="network")
        self.norm = batch_norm.BatchNorm(name="norm")
        self.dense = keras.layers.Dense(textbook.CLASSES, bias_initializer="ones")

    def call(self, images, training=False):
        flat = tf.reshape(images, [-1, textbook.PIXELS])
        return self.dense(self.norm(flat, training=training))


def bound(*, rate=0.1, l2=L2, num_replicas=1):
    keras.utils.set_random_seed(0)
    network = Network()
    network(tf.zeros([1, *textbook.IMAGE]))
    optimizer = optimizers.Momentum(0.9).build(rate)
    return method.Method().build(network, optimizer, l2=l2, num_replicas=num_replicas)


def test_build_binds_a_copy_and_leaves_the_value_alone():
    value = method.Method()
    network, optimizer = bound().network, optimizers.Momentum().build(0.1)
    copy = value.build(network, optimizer, l2=L2, num_replicas=3)
    assert copy.network is network and copy.optimizer is optimizer
    assert [v.path for v in copy.theta] == [v.path for v in network.trainable_variables]
    assert (copy.l2, copy.num_replicas, optimizer.built) == (L2, 3, True)
    assert not hasattr(value, "network") and value == method.Method()


def test_the_defaults_are_one_replay_no_attack_no_state():
    value = method.Method()
    assert (value.num_replays, value.attack_passes) == (1, 0)
    assert value.initial_state((8, 5, 5, 2)) == ()


def test_a_method_without_a_step_says_its_name():
    @dataclasses.dataclass(frozen=True)
    class Unfinished(method.Method):
        pass

    with pytest.raises(TypeError, match="Unfinished does not define train_step"):
        Unfinished().train_step((None, None), (), 0)


def test_the_penalty_is_half_the_squared_norm_of_the_kernels_alone():
    trained = bound()
    for variable in trained.theta:  # biases, gamma and beta must not count
        if not variable.path.endswith("kernel"):
            variable.assign(tf.fill(variable.shape, 100.0))
    kernel = trained.network.dense.kernel.numpy().astype(np.float64)
    assert float(trained.l2_penalty()) == pytest.approx(L2 / 2 * (kernel**2).sum())
    shared = bound(num_replicas=4)
    assert float(shared.l2_penalty()) == pytest.approx(L2 / 8 * (kernel**2).sum())


def test_the_mean_is_a_share_of_the_global_mean():
    values = tf.constant([1.0, 2.0, 6.0])
    assert float(bound().mean(values)) == 3.0
    assert float(bound(num_replicas=4).mean(values)) == 0.75


def test_metrics_are_shares_of_the_loss_and_of_the_percentage_of_correct_labels():
    logits = tf.constant([[0.0, 1.0], [2.0, 1.0], [3.0, 4.0], [1.0, 0.0]])
    for dtype in ("int32", "int64"):
        labels = tf.constant([1, 0, 1, 1], dtype)
        found = bound(num_replicas=2).metrics(tf.constant(0.7), logits, labels)
        assert set(found) == {"loss", "accuracy"}
        assert float(found["loss"]) == pytest.approx(0.7)
        assert float(found["accuracy"]) == pytest.approx(75.0 / 2)


def test_descent_is_the_hand_computed_step():
    trained = bound(rate=0.5)
    images, labels = textbook.batch()
    kernel, bias = (
        v.numpy().astype(np.float64) for v in trained.network.dense.variables
    )
    flat = images.reshape(6, -1).astype(np.float64)
    normal = (flat - flat.mean(0)) / np.sqrt(flat.var(0) + 1e-3)  # training mode
    softmax = textbook.softmax(normal @ kernel + bias)
    residual = (softmax - np.eye(textbook.CLASSES)[labels]) / 6
    cross_entropy = -np.log(softmax[np.arange(6), labels]).mean()
    found = trained.descend(tf.constant(images), tf.constant(labels), 0)
    penalty = L2 / 2 * (kernel**2).sum()
    assert float(found["loss"]) == pytest.approx(cross_entropy + penalty, rel=1e-5)
    accuracy = 100 * (softmax.argmax(-1) == labels).mean()
    assert float(found["accuracy"]) == pytest.approx(accuracy)
    new_kernel, new_bias = (v.numpy() for v in trained.network.dense.variables)
    step = normal.T @ residual + L2 * kernel
    np.testing.assert_allclose(new_kernel, kernel - 0.5 * step, atol=1e-5)
    np.testing.assert_allclose(new_bias, bias - 0.5 * residual.sum(0), atol=1e-5)
    moving_mean = trained.network.norm.non_trainable_variables[0]
    np.testing.assert_allclose(moving_mean, 0.1 * flat.mean(0), rtol=1e-5)
