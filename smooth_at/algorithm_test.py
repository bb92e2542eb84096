"""Updates against a NumPy twin of a network of two layers, and their edges."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from common import attacks
from smooth_at.algorithm import SmoothTraining
from tests.oracles import smooth as oracle
from tests.oracles import textbook, training

BASE = SmoothTraining(oracle.PGD)
THREE_STEPS = dataclasses.replace(oracle.PGD, num_steps=3)  # of 8 / 3
TWO_STEPS = dataclasses.replace(oracle.PGD, num_steps=2, step_size=5.0)  # not of 8 / 2


def stepped(method, seed=0, **network):
    """Returns the bound method after an update, and the metrics."""
    trained = oracle.bound(method, **network)
    return trained, training.step(trained, oracle.minibatch(), seed)


def adversarial(trained):
    """Returns the images of the last update."""
    return np.asarray(trained.network.calls[-1][0])


def differ(left, right):
    """Returns the names of the variables that two methods' networks have not alike."""
    left, right = training.values(left), training.values(right)
    assert left.keys() == right.keys()
    return {name for name in left if np.abs(left[name] - right[name]).max() > 1e-6}


CASES = {  # the activation is before the first underscore
    **{f"relu_{name}": oracle.row(name) for name in oracle.ROWS},
    "relu_attacker_3_steps": oracle.row("attacker", THREE_STEPS),
    "relu_2_long_steps": SmoothTraining(TWO_STEPS),
    "silu": BASE,
    "silu_3_steps": SmoothTraining(THREE_STEPS),
    "silu_hard_labels": dataclasses.replace(BASE, label_smoothing=0.0),
    "silu_smoother_labels": dataclasses.replace(BASE, label_smoothing=0.4),
}


@pytest.mark.parametrize("case", CASES)
def test_three_updates_agree_with_numpy(case):
    method = CASES[case]
    trained = oracle.bound(method, case.partition("_")[0])
    twin = oracle.Twin(trained)
    for seed in range(3):
        images, labels = oracle.minibatch(seed)
        trained.network.calls.clear()
        metrics = training.step(trained, (images, labels), seed)
        assert len(trained.network.calls) == method.attack.num_steps + 1
        start = np.float64(trained.network.calls[0][0])
        crafted = twin.crafted(np.float64(images), labels, start)
        np.testing.assert_allclose(adversarial(trained), crafted, atol=1e-4)
        expected = twin.update(crafted, labels)
        found = (float(metrics["loss"]), float(metrics["accuracy"]))
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        for name, value in training.values(trained).items():
            wanted = twin.values[name]
            np.testing.assert_allclose(value, wanted, atol=1e-5, err_msg=name)


def test_the_attack_starts_uniformly_within_epsilon_by_image_and_seed():
    images = np.random.default_rng(3).uniform(10, 245, (64, *textbook.IMAGE))
    images, labels = np.float32(images), np.zeros(64, np.int32)
    noise = []
    for turn, seed in ((1, 1), (-1, 1), (1, 2)):
        trained = oracle.bound(BASE)
        training.step(trained, (images[::turn], labels), seed)
        start, _ = trained.network.calls[0]
        noise.append(np.asarray(start)[::turn] - images)
    np.testing.assert_array_equal(noise[0], noise[1])
    assert np.abs(noise[0] - noise[2]).mean() > 2.0
    counts, _ = np.histogram(noise[0], bins=8, range=(-8.0, 8.0))
    np.testing.assert_allclose(counts / noise[0].size, 1 / 8, atol=0.02)
    assert len(np.unique(noise[0][:, 0, 0, 0])) == 64


@pytest.mark.parametrize("name", oracle.ROWS)
def test_each_pass_has_its_images_its_mode_and_its_derivative(name):
    images, labels = oracle.minibatch()
    trained, _ = stepped(oracle.row(name, training.Negative(asks=True)), seed=77)
    ((seen, at, seed),) = trained.attack.calls
    np.testing.assert_array_equal(seen, images)
    np.testing.assert_array_equal(at, labels)
    assert at.dtype == tf.int32 and seed == 77
    crafting, update = trained.network.calls
    of_crafting, of_update = oracle.ROWS[name]
    np.testing.assert_array_equal(crafting[0], images)
    assert crafting[1] == {"training": False, "backward": of_crafting}
    np.testing.assert_array_equal(update[0], 255.0 - images)
    assert update[1] == {"training": True, "backward": of_update}


def test_a_network_that_draws_gets_a_seed_in_the_update_alone():
    seeds = []
    for seed in (77, 78, 77):
        trained = oracle.bound(
            dataclasses.replace(BASE, attack=training.Negative(asks=True))
        )
        trained.network.draws = True
        training.step(trained, oracle.minibatch(), seed)
        (_, crafting), (_, update) = trained.network.calls
        assert "seed" not in crafting
        seeds.append(int(update["seed"]))
    assert seeds[0] == seeds[2]
    assert len({*seeds, 77, 78}) == 4  # nor is it what the attack draws from


@pytest.mark.parametrize("attack", [oracle.PGD, training.Negative()], ids=type)
def test_moving_statistics_decide_on_the_images_and_not_on_the_update(attack):
    pair = [oracle.bound(SmoothTraining(attack)) for _ in range(2)]
    moving_mean = pair[1].network.norm.non_trainable_variables[0]
    moving_mean.assign_add(np.linspace(-9, 9, oracle.HIDDEN))
    for trained in pair:
        training.step(trained, oracle.minibatch())
    moved = differ(*pair)
    if attack is oracle.PGD:
        assert moved > {"norm/moving_mean", "norm/moving_variance", "hidden/kernel"}
    else:
        assert moved == {"norm/moving_mean"}


def test_the_attackers_derivative_changes_the_images():
    found = {name: adversarial(stepped(oracle.row(name))[0]) for name in oracle.ROWS}
    np.testing.assert_array_equal(found["none"], found["update"])
    np.testing.assert_array_equal(found["attacker"], found["both"])
    assert (found["none"] != found["both"]).mean() > 0.01


def test_the_updates_derivative_changes_what_is_below_the_activation():
    found, metrics = {}, {}
    for name in oracle.ROWS:
        method = oracle.row(name, training.Negative())
        found[name], values = stepped(method)
        metrics[name] = (float(values["loss"]), float(values["accuracy"]))
    assert len(set(metrics.values())) == 1  # what it does not change is the outputs
    assert not differ(found["none"], found["attacker"])
    assert not differ(found["update"], found["both"])
    below = {"hidden/kernel", "norm/gamma", "norm/beta"}
    assert differ(found["none"], found["both"]) == below


def test_a_compiled_update_keeps_the_two_derivatives_apart():
    method = oracle.row("attacker", THREE_STEPS)
    eager, compiled = oracle.bound(method), oracle.bound(method)
    update = tf.function(compiled.train_step)
    for seed in map(tf.constant, range(2)):
        batch = oracle.minibatch(int(seed))
        expected = training.step(eager, batch, seed)
        found, _ = update(tuple(map(tf.constant, batch)), (), seed)
        assert float(found["loss"]) == pytest.approx(float(expected["loss"]), rel=1e-5)
    assert update.experimental_get_tracing_count() == 1
    assert not differ(eager, compiled)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crafting": "smoth"}, "Received: smoth. Nearest: smooth"),
        ({"crafting": "relu"}, "Unknown derivative of activations. Received: relu"),
        ({"update": "Own"}, "Received: Own. Nearest: own"),
        ({"update": ""}, "Unknown derivative of activations. Received: "),
        ({"label_smoothing": 1.0}, "label_smoothing=1.0"),
        ({"label_smoothing": -0.1}, "label_smoothing=-0.1"),
    ],
    ids=str,
)
def test_impossible_settings_are_refused_in_one_line(changes, message):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as error:
        SmoothTraining(oracle.PGD, **changes)
    assert message in str(error.value)


@pytest.mark.parametrize("name", ["attacker", "update", "both"])
def test_a_smooth_derivative_of_what_is_smooth_is_refused(name):
    with pytest.raises(ValueError, match="Received: activation=silu"):
        stepped(oracle.row(name), activation="silu")


@pytest.mark.parametrize("num_steps", [1, 4])
def test_the_loop_is_told_of_the_steps_of_the_attack(num_steps):
    method = SmoothTraining(attacks.PGD(4.0, step_size=1.0, num_steps=num_steps))
    assert (method.attack_passes, method.update_passes) == (num_steps, 1)
    assert (method.num_replays, method.initial_state((8, *textbook.IMAGE))) == (1, ())
    assert method == SmoothTraining(method.attack, "own", "own", 0.1)
