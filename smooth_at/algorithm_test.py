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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crafting": "smoth"}, "Received: smoth. Nearest: smooth"),
        ({"update": "Own"}, "Received: Own. Nearest: own"),
        ({"label_smoothing": 1.0}, "label_smoothing=1.0"),
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
