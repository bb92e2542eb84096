import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from common.models.batch_norm import BatchNorm

BRANCHES = ("clean", "adversarial")


def features(*shape, seed=0):
    generator = np.random.default_rng(seed)
    return generator.normal(3.0, 2.0, shape).astype("float32")


def built(channels=3, **arguments):
    """A layer whose variables differ from one another and from their start."""
    layer = BatchNorm(name="norm", **arguments)
    layer.build((None, None, None, channels))
    for index, variable in enumerate(layer.weights):
        variable.assign(1.0 + 0.1 * index + 0.01 * np.arange(channels))
    return layer


def values(layer, word=""):
    return {v.name: v.numpy() for v in layer.weights if word in v.name}


def changed(layer, before):
    return {n for n, v in values(layer).items() if not np.array_equal(v, before[n])}


def numpy_batch_norm(inputs, mean, variance, gamma, beta, epsilon):
    return (inputs - mean) / np.sqrt(variance + epsilon) * gamma + beta


def test_training_normalises_by_the_batch_and_moves_the_statistics():
    layer, inputs = built(momentum=0.8, epsilon=0.01), features(4, 5, 6, 3)
    old = values(layer)
    outputs = layer(inputs, training=True)
    mean, variance = inputs.mean((0, 1, 2)), inputs.var((0, 1, 2))
    expected = numpy_batch_norm(inputs, mean, variance, old["gamma"], old["beta"], 0.01)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    new = values(layer)
    for name, value in (("moving_mean", mean), ("moving_variance", variance)):
        np.testing.assert_allclose(new[name], 0.8 * old[name] + 0.2 * value, rtol=1e-6)


def test_inference_uses_the_moving_statistics_and_moves_nothing():
    layer, inputs = built(epsilon=0.01), features(4, 5, 6, 3)
    old = values(layer)
    outputs = layer(inputs)
    expected = numpy_batch_norm(
        inputs,
        *(old[n] for n in ("moving_mean", "moving_variance", "gamma", "beta")),
        0.01,
    )
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    assert not changed(layer, old)


def gradients(layer, inputs, **mode):
    """Of inputs, gamma and beta."""
    weights = features(*inputs.shape, seed=1)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        loss = ops.sum(weights * ops.cast(layer(inputs, **mode), "float32"))
    variables = [v.value for v in layer.trainable_variables]
    return tape.gradient(loss, [inputs, *variables])


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("arguments", [{}, {"synchronized": True}])
@pytest.mark.parametrize("decided", ["when traced", "when run"])
def test_gradients_agree_with_those_of_keras(training, arguments, decided):
    layer = built(epsilon=0.01, **arguments)
    twin = keras.layers.BatchNormalization(epsilon=0.01)
    twin.build((None, None, None, 3))
    twin.set_weights(layer.get_weights())
    inputs = tf.constant(features(4, 2, 2, 3))
    mode = training if decided == "when traced" else tf.constant(training)
    found = gradients(layer, inputs, training=mode)
    expected = gradients(twin, inputs, training=training)
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-5)


def test_gradients_of_shared_statistics_come_from_the_whole_batch():
    layer = built(branches=BRANCHES, share_statistics=True)
    inputs, parts = tf.constant(features(6, 3)), (("adversarial", 2), ("clean", 4))
    found, *_ = gradients(layer, inputs, training=True, branch=parts)
    new = values(layer)
    factors = np.repeat([new["gamma_adversarial"], new["gamma_clean"]], (2, 4), axis=0)
    alone = built()
    alone.trainable_variables[0].assign(np.ones(3))
    weighted = features(6, 3, seed=1) * factors
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        loss = ops.sum(weighted * alone(inputs, training=True))
    np.testing.assert_allclose(found, tape.gradient(loss, inputs), atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_low_precision_agrees_to_its_rounding(training):
    inputs = ops.cast(features(8, 4, 4, 3), "bfloat16")
    low, exact = built(dtype="mixed_bfloat16"), built()
    found = [low(inputs, training=training), *gradients(low, inputs, training=training)]
    inputs = ops.cast(inputs, "float32")
    expected = [
        exact(inputs, training=training),
        *gradients(exact, inputs, training=training),
    ]
    assert [v.dtype.name for v in found] == ["bfloat16"] * 2 + ["float32"] * 2
    for mine, theirs in zip(found, expected, strict=True):
        bound = 2.0**-7 * np.abs(theirs).max()
        np.testing.assert_allclose(ops.cast(mine, "float32"), theirs, atol=bound)


def test_one_value_has_no_variance():
    layer = built()
    old = values(layer)
    outputs = layer(features(1, 3), training=True)
    np.testing.assert_allclose(outputs, [old["beta"]], atol=1e-6)
    expected = 0.9 * old["moving_variance"]
    np.testing.assert_allclose(values(layer)["moving_variance"], expected, rtol=1e-6)


def test_flat_inputs_and_no_factor():
    layer = BatchNorm(scale=False)
    outputs = layer(features(50, 3), training=True)
    np.testing.assert_allclose(ops.mean(outputs, axis=0), np.zeros(3), atol=1e-5)
    assert set(values(layer)) == {"beta", "moving_mean", "moving_variance"}


def test_a_compiled_step_keeps_its_branches_apart_and_traces_once():
    layer = built(branches=BRANCHES)

    @tf.function
    def step(images, adv_images):
        return (
            layer(images, training=True, branch="clean"),
            layer(adv_images, training=True, branch="adversarial"),
        )

    old = values(layer)
    for seed in range(2):
        images, adv_images = features(4, 3, seed=seed), 9 + features(4, 3, seed=seed)
        clean, adversarial = step(tf.constant(images), tf.constant(adv_images))
    assert step.experimental_get_tracing_count() == 1
    assert not np.allclose(clean, adversarial)  # the affine parameters differ
    new = values(layer)
    for branch, offset in (("clean", 0), ("adversarial", 9)):
        name = f"moving_mean_{branch}"
        means = [features(4, 3, seed=seed).mean(0) + offset for seed in range(2)]
        expected = 0.81 * old[name] + 0.09 * means[0] + 0.1 * means[1]
        np.testing.assert_allclose(new[name], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("share_statistics", "share_affine", "names"),
    [
        (
            False,
            False,
            {f"{n}_{b}" for n in ("moving_mean", "gamma") for b in BRANCHES},
        ),
        (True, False, {"moving_mean", "gamma_clean", "gamma_adversarial"}),
        (False, True, {"moving_mean_clean", "moving_mean_adversarial", "gamma"}),
        (True, True, {"moving_mean", "gamma"}),
    ],
)
def test_sharing(share_statistics, share_affine, names):
    layer = built(
        branches=BRANCHES, share_statistics=share_statistics, share_affine=share_affine
    )
    found = {n for n in values(layer) if "mean" in n or "gamma" in n}
    assert found == names
    assert len(layer.weights) == 2 * len(names)
    outputs = [layer(features(4, 3), training=True, branch=b) for b in BRANCHES]
    assert np.allclose(*outputs) == share_affine
    outputs = [layer(features(4, 3), branch=b) for b in BRANCHES]
    assert np.allclose(*outputs) == (share_affine and share_statistics)


def test_parts_must_be_the_whole_batch():
    layer = built(branches=BRANCHES)
    with pytest.raises(ValueError, match=r"all of its 10 images. Received: branch="):
        layer(features(10, 3), branch=(("adversarial", 6), ("clean", 3)))


def test_frozen_layer_still_moves_its_statistics():
    layer = built()
    layer.trainable = False
    old = values(layer)
    layer(features(4, 3), training=True)
    assert changed(layer, old) == {"moving_mean", "moving_variance"}


def test_unknown_branch_is_told_the_known_ones():
    layer = built(branches=BRANCHES)
    known = "norm has the branches clean, adversarial. Received: branch=advers"
    with pytest.raises(ValueError, match=known):
        layer(features(4, 3), branch="advers")


@pytest.mark.parametrize("branches", [(), ("clean", "clean")])
def test_branches_are_named_once(branches):
    with pytest.raises(ValueError, match=r"each named once. Received: branches="):
        BatchNorm(branches=branches)


def test_low_precision_inputs_get_float32_statistics():
    layer = BatchNorm(dtype="mixed_bfloat16")
    # 1000 + noise: sums of this length lose the noise in bfloat16.
    inputs = ops.cast(1000.0 + 8.0 * features(64, 8, 8, 2), "bfloat16")
    outputs = layer(inputs, training=True)
    assert outputs.dtype == "bfloat16"
    assert {v.dtype for v in layer.weights} == {"float32"}
    exact = np.asarray(ops.cast(inputs, "float32"))
    np.testing.assert_allclose(
        values(layer)["moving_variance"], 0.9 + 0.1 * exact.var((0, 1, 2)), rtol=1e-4
    )


def replicated(strategy, layer, inputs):
    """Runs one training step on two replicas, half of the inputs each."""

    @tf.function
    def step(pieces):
        return strategy.run(lambda piece: layer(piece, training=True), (pieces,))

    pieces = strategy.experimental_distribute_values_from_function(
        lambda context: tf.split(inputs, 2)[context.replica_id_in_sync_group]
    )
    return np.concatenate(strategy.experimental_local_results(step(pieces)))


def test_replicas_hold_the_mean_of_their_moving_statistics(two_replicas):
    with two_replicas.scope():
        layer = built()
    inputs, old = features(6, 2, 2, 3), values(layer)
    outputs = replicated(two_replicas, layer, inputs)
    for variable in layer.weights:
        first, second = two_replicas.experimental_local_results(variable.value)
        np.testing.assert_array_equal(first, second)
    halves = np.split(inputs, 2)
    new = values(layer)
    for name, statistic in (("moving_mean", np.mean), ("moving_variance", np.var)):
        mean = np.mean([statistic(half, (0, 1, 2)) for half in halves], axis=0)
        np.testing.assert_allclose(new[name], 0.9 * old[name] + 0.1 * mean, rtol=1e-5)
    alone = built()
    expected = np.concatenate([alone(half, training=True) for half in halves])
    np.testing.assert_allclose(outputs, expected, atol=1e-5)


def test_synchronized_replicas_equal_the_global_batch(two_replicas):
    with two_replicas.scope():
        layer = built(synchronized=True)
    alone, inputs = built(), features(6, 2, 2, 3)
    outputs = replicated(two_replicas, layer, inputs)
    np.testing.assert_allclose(outputs, alone(inputs, training=True), atol=1e-5)
    for name, value in values(alone).items():
        np.testing.assert_allclose(values(layer)[name], value, rtol=1e-5)
