"""Gradients of one's own, wherever a function is differentiated; and what they keep."""

import gc
import weakref

import keras
import pytest
import tensorflow as tf

from common import backend, models
from common.backend import tensorflow_gradients

INPUTS = tf.constant([1.0, 2.0])


@tensorflow_gradients.custom_gradient
def product(inputs, factor):
    """Whose gradients are half and three times what they are of a product."""

    def gradient(upstream):
        return 0.5 * upstream * factor, 3.0 * tf.reduce_sum(upstream * inputs)

    return inputs * factor, gradient


def repeated(inputs, factor):
    def body(step, total):
        return step + 1, total + product(inputs, factor)

    return tf.while_loop(lambda step, _: step < 4, body, (0, tf.zeros_like(inputs)))[1]


def chosen(inputs, factor):
    def four():
        return 4.0 * product(inputs, factor)

    return tf.cond(factor > 0.0, four, lambda: inputs)


def differentiated(function, inputs, factor):
    with tf.GradientTape() as tape:
        tape.watch((inputs, factor))
        total = tf.reduce_sum(function(inputs, factor))
    return tape.gradient(total, (inputs, factor))


@pytest.mark.parametrize(
    "function", [lambda *args: 4.0 * product(*args), repeated, chosen]
)
def test_it_is_the_gradient_eagerly_within_a_function_and_through_one(function):
    def within(inputs, factor):
        return differentiated(function, inputs, factor)

    def through(inputs, factor):
        return differentiated(tf.function(function), inputs, factor)

    for gradients in (within, tf.function(within), through, tf.function(through)):
        of_inputs, of_factor = gradients(INPUTS, tf.constant(5.0))
        assert of_inputs.numpy().tolist() == [10.0, 10.0]  # 4 x 0.5 x 5
        assert of_factor.numpy() == 36.0  # 4 x 3 x (1 + 2)


def test_a_gradient_is_differentiated_as_it_stands():
    def twice(factor):
        with tf.GradientTape() as outer:
            outer.watch(factor)
            of_inputs, _ = differentiated(product, INPUTS, factor)
        return outer.gradient(of_inputs, factor)

    for second in (twice, tf.function(twice)):
        assert second(tf.constant(5.0)).numpy() == 1.0  # of 0.5 x factor, summed


@pytest.mark.parametrize("activation", ["leaky_relu", "silu"])
def test_no_graph_stays_once_its_function_is_gone(activation):
    config = models.WideResNet(depth=10, width=1, activation=activation)
    network = config.build(10, 8, 3)

    def gradients(images):
        return tf.gradients(network(images, training=False), images)

    traced = tf.function(gradients).get_concrete_function(tf.TensorSpec([2, 8, 8, 3]))
    graph = weakref.ref(traced.graph)
    assert any(
        operation.type == "IdentityN" for operation in traced.graph.get_operations()
    )
    del traced
    gc.collect()
    assert graph() is None


def test_it_waits_for_the_backend_and_stands_in_a_model_that_is_being_made():
    @backend.custom_gradient
    def double(inputs):
        """Doubles."""
        return 2.0 * inputs, lambda upstream: 7.0 * upstream

    total, gradient = backend.value_and_gradients(
        lambda inputs: tf.reduce_sum(double(inputs)), INPUTS
    )
    assert (float(total), double.__doc__) == (6.0, "Doubles.")
    assert gradient.numpy().tolist() == [7.0, 7.0]
    inputs = keras.Input((2,))
    made = keras.Model(inputs, double(inputs))
    assert made(INPUTS[None]).numpy().tolist() == [[2.0, 4.0]]


def test_what_was_saved_and_loaded_has_the_derivative(tmp_path):
    module = tf.Module()
    module.call = tf.function(product).get_concrete_function(INPUTS, tf.constant(5.0))
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path)).call
    assert loaded(INPUTS, tf.constant(5.0)).numpy().tolist() == [5.0, 10.0]
    of_inputs, of_factor = differentiated(loaded, INPUTS, tf.constant(5.0))
    assert of_inputs.numpy().tolist() == [5.0, 5.0]
    assert of_factor.numpy() == 3.0
