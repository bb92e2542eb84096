"""Gradients in closed form; seeds, draws and keys by their laws."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from common import backend
from tests.oracles import textbook

INT64 = st.integers(-(2**63), 2**63 - 1)


def two_variables():
    return [keras.Variable([2.0, -1.0]), keras.Variable(3.0)]


def test_the_gradient_of_one_tensor_comes_alone():
    value, gradient = backend.value_and_gradients(
        lambda x: tf.reduce_sum(x**2), tf.constant([1.0, -3.0])
    )
    assert float(value) == 10.0
    np.testing.assert_allclose(gradient, [2.0, -6.0])


def test_the_gradients_of_variables_come_as_a_list():
    vector, scalar = variables = two_variables()
    value, gradients = backend.value_and_gradients(
        lambda: tf.reduce_sum(vector.value * scalar.value), variables
    )
    assert float(value) == 3.0
    assert isinstance(gradients, list)
    np.testing.assert_allclose(gradients[0], [3.0, 3.0])
    np.testing.assert_allclose(gradients[1], 1.0)


def test_variables_and_tensors_together_in_the_order_asked():
    vector, scalar = variables = two_variables()

    def fn(x, y):
        return tf.reduce_sum(vector.value * x) + scalar.value * y**2

    arguments = tf.constant([5.0, 7.0]), tf.constant(2.0)
    value, (g_x, g_variables, g_y) = backend.value_and_gradients(
        fn, arguments[0], variables, arguments[1]
    )
    assert float(value) == 2 * 5 - 7 + 3 * 4
    np.testing.assert_allclose(g_x, [2.0, -1.0])
    np.testing.assert_allclose(g_variables[0], [5.0, 7.0])
    np.testing.assert_allclose(g_variables[1], 4.0)
    np.testing.assert_allclose(g_y, 12.0)


def test_only_the_first_output_is_differentiated():
    def fn(x):
        return x**2, 100.0 * x, "note"

    (loss, doubled, note), gradient = backend.value_and_gradients(fn, 3.0)
    assert (float(loss), float(doubled), note) == (9.0, 300.0, "note")
    assert float(gradient) == 6.0


def test_a_variable_that_the_loss_does_not_use_has_gradient_zero():
    vector, scalar = two_variables()
    _, (g_x, g_variables) = backend.value_and_gradients(
        lambda x: tf.reduce_sum(x) * scalar.value**2, tf.ones([2]), [vector, scalar]
    )
    np.testing.assert_allclose(g_x, [9.0, 9.0])
    np.testing.assert_array_equal(g_variables[0], [0.0, 0.0])
    np.testing.assert_allclose(g_variables[1], 12.0)


@pytest.mark.parametrize("compile_it", [False, True])
def test_one_forward_and_one_backward_pass_serve_all(compile_it):
    counter = textbook.PassCounter()
    weight = keras.Variable(2.0)

    def run(x):
        return backend.value_and_gradients(
            lambda x: counter(weight.value * x) ** 2, [weight], x
        )

    _, ((g_weight,), g_x) = (backend.compiled(run) if compile_it else run)(
        tf.constant(3.0)
    )
    assert (float(g_weight), float(g_x)) == (36.0, 24.0)
    assert (counter.forward, counter.backward) == (1, 1)


def test_folded_seeds_differ_in_every_number():
    seeds = {
        int(backend.fold(seed, step, replica))
        for seed in (-1, 0, 1, 2**31, 2**63 - 1)
        for step in (0, 1, 2, 39_999, 40_000)
        for replica in (0, 1, 7)
    }
    assert len(seeds) == 5 * 5 * 3


def test_folding_is_neither_symmetric_nor_flat():
    assert int(backend.fold(0, 1, 2)) != int(backend.fold(0, 2, 1))
    assert int(backend.fold(0, 1)) != int(backend.fold(1, 0))
    assert int(backend.fold(0, 1)) != int(backend.fold(0, 1, 0))


def test_neighbouring_numbers_fold_to_seeds_far_apart():
    numbers = tf.range(1_000, dtype=tf.int64)
    for seeds in (backend.fold(0, numbers), backend.fold(numbers, 0)):
        changed = np.bitwise_xor(seeds[1:], seeds[:-1]).astype(np.uint64)
        bits = np.unpackbits(changed.view(np.uint8).reshape(-1, 8), axis=1).sum(1)
        assert 24 < bits.mean() < 40 and bits.min() > 8


def test_folding_nothing_is_the_seed():
    assert int(backend.fold(-7)) == -7


@given(seed=INT64, step=INT64)
def test_a_folded_tensor_is_the_folded_int(seed, step):
    whole = backend.fold(seed, step)
    assert whole.dtype == tf.int64
    steps = tf.constant([step, 5], tf.int64)
    parts = backend.fold(tf.constant(seed, tf.int64), steps)
    assert int(parts[0]) == int(whole)
    assert int(parts[1]) == int(backend.fold(seed, 5))


def test_python_ints_of_any_size_are_seeds():
    for seed in (2**63, -(2**63) - 1, 2**200 + 1):
        assert int(backend.fold(seed, 1)) == int(backend.fold(seed % 2**64, 1))


def test_uniform_is_uniform_in_0_to_1():
    draws = backend.uniform((20_000,), 3).numpy()
    assert draws.dtype == np.float32 and draws.min() >= 0 and draws.max() < 1
    deciles = np.quantile(draws, np.linspace(0.1, 0.9, 9))
    np.testing.assert_allclose(deciles, np.linspace(0.1, 0.9, 9), atol=0.015)


def test_normal_is_standard_normal():
    draws = backend.normal((20_000,), 3).numpy()
    quantiles = np.quantile(draws, [0.02275, 0.15866, 0.5, 0.84134, 0.97725])
    np.testing.assert_allclose(quantiles, [-2, -1, 0, 1, 2], atol=0.1)
    assert abs(draws.mean()) < 0.03 and abs(draws.std() - 1) < 0.03


@pytest.mark.parametrize("draw", [backend.uniform, backend.normal])
def test_a_row_follows_from_its_seed_and_key_alone(draw):
    keys = tf.constant([11, -4, 2**62, 11], tf.int64)
    rows = draw((4, 5, 3), 9, keys=keys).numpy()
    assert rows.shape == (4, 5, 3)
    reordered = draw((3, 5, 3), 9, keys=tf.gather(keys, [2, 1, 0])).numpy()
    np.testing.assert_array_equal(reordered, rows[[2, 1, 0]])
    np.testing.assert_array_equal(rows[3], rows[0])  # the same key
    seeds = tf.constant([9, 8, 9, 9], tf.int64)
    mixed = draw((4, 5, 3), seeds, keys=keys).numpy()
    np.testing.assert_array_equal(mixed[[0, 2, 3]], rows[[0, 2, 3]])
    assert np.abs(mixed[1] - rows[1]).max() > 0.05


@pytest.mark.parametrize("draw", [backend.uniform, backend.normal])
@pytest.mark.parametrize("keys", [None, np.arange(200)])
def test_draws_of_different_seeds_or_rows_do_not_correlate(draw, keys):
    first, second = (draw((200, 50), seed, keys=keys).numpy() for seed in (1, 2))
    for a, b in ((first, second), (first[:100], first[100:])):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.05


def test_a_keyed_draw_has_the_law_of_a_plain_one():
    draws = backend.uniform((500, 40), 3, keys=np.arange(500)).numpy()
    deciles = np.quantile(draws, np.linspace(0.1, 0.9, 9))
    np.testing.assert_allclose(deciles, np.linspace(0.1, 0.9, 9), atol=0.015)


def test_equal_images_have_equal_keys_wherever_they_stand():
    images = np.random.default_rng(0).uniform(0, 255, (4, 3, 3, 2)).astype(np.float32)
    keys = backend.example_keys(tf.constant(images)).numpy()
    assert keys.dtype == np.int64 and len(set(keys)) == 4
    order = [2, 0, 3, 1]
    again = backend.example_keys(tf.constant(images[order])).numpy()
    np.testing.assert_array_equal(again, keys[order])


def test_every_pixel_and_every_256th_of_a_level_changes_the_key():
    images = np.full((1 + 2 * 18, 18), 100.0, np.float32)
    images[1 + np.arange(18), np.arange(18)] += 1 / 256
    images[19 + np.arange(18), np.arange(18)] += 155
    keys = backend.example_keys(tf.constant(images.reshape(-1, 3, 3, 2))).numpy()
    assert len(set(keys)) == len(images)


def test_swapped_pixels_change_the_key():
    images = tf.reshape(tf.constant([[1.0, 2.0], [2.0, 1.0]]), [2, 1, 2, 1])
    first, second = backend.example_keys(images).numpy()
    assert first != second


def test_draws_and_keys_are_the_same_when_compiled():
    images = np.random.default_rng(0).uniform(0, 255, (4, 3, 3, 2)).astype(np.float32)

    def run(images, step):
        seed = backend.fold(5, step)
        keys = backend.example_keys(images)
        return backend.uniform((4, 6), seed, keys=keys), keys

    arguments = tf.constant(images), tf.constant(7, tf.int64)
    for eager, graph in zip(
        run(*arguments), backend.compiled(run)(*arguments), strict=True
    ):
        np.testing.assert_array_equal(eager, graph)


def test_a_value_is_concrete_only_when_it_can_be_looked_at():
    seen = []

    @tf.function
    def traced(x):
        seen.append(backend.is_concrete(x))
        return x

    x = tf.constant(1.0)
    traced(x)
    assert backend.is_concrete(x) and seen == [False]


@pytest.mark.parametrize(
    ("kind", "takes_any"), [("CPU", True), ("GPU", False), ("TPU", False)]
)
def test_each_size_of_a_batch_is_compiled_on_gpus_and_tpus(
    kind, takes_any, monkeypatch
):
    def devices(asked):
        return [asked] if asked == kind else []

    monkeypatch.setattr(tf.config, "list_logical_devices", devices)
    assert backend.takes_any_size() is takes_any
