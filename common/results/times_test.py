"""Times are divided by natural training of the same network on the same data."""

import pytest

from common.results import measured, times

NATURAL, FREE = {"type": "NaturalTraining"}, {"type": "FreeTraining"}


@pytest.fixture
def ratios(tmp_path, write_run):
    """Returns a function: recipe and minutes of each run -> the ratio of each."""

    def found(**runs):
        for name, (recipe, minutes) in runs.items():
            write_run(name, {}, recipe=recipe, minutes=minutes)
        written = measured.find(tmp_path / "runs", "fake", "paper")
        return {name: times.ratio(run, written) for name, run in written.items()}

    return found


def recipe(method, network="a", **fields):
    return {"method": method, "network": network, **fields}


def test_time_is_divided_by_natural_training_of_the_same_network(ratios):
    assert ratios(
        clean=(recipe(NATURAL), 10.0),
        free=(recipe(FREE), 15.0),
        other_clean=(recipe(NATURAL, "b"), 50.0),
        other_free=(recipe(FREE, "b"), 25.0),
        alone=(recipe(FREE, "c"), 1.0),
    ) == {
        "clean": 1.0,
        "free": 1.5,
        "other_clean": 1.0,
        "other_free": 0.5,
        "alone": None,
    }


def test_mixed_training_without_adversarial_images_is_natural(ratios):
    mixed = {"type": "MixedTraining", "num_adversarial": 16}
    found = ratios(
        step_ll=(recipe(mixed), 15.0),
        k_0=(recipe({**mixed, "num_adversarial": 0}), 10.0),
    )
    assert found == {"step_ll": 1.5, "k_0": 1.0}


@pytest.mark.parametrize("field", ["dataset", "network", "batch_size", "num_steps"])
def test_another_network_or_length_has_no_ratio(ratios, field):
    found = ratios(
        clean=(recipe(NATURAL, num_steps=10), 1.0),
        same=(recipe(FREE, num_steps=10, l2=1.0), 1.0),
        other=({**recipe(FREE, num_steps=10), field: 20}, 1.0),
    )
    assert found == {"clean": 1.0, "same": 1.0, "other": None}


def test_an_unfinished_training_has_no_ratio(ratios):
    found = ratios(clean=(recipe(NATURAL), 1.0), free=(recipe(FREE), None))
    assert found == {"clean": 1.0, "free": None}
