"""The kept study of two MobileNets shows what the paper says of Inception v3."""

import json
import pathlib

import pytest

STUDY = pathlib.Path(__file__).parents[1] / "records" / "kurakin2017" / "study"


@pytest.mark.parametrize("network", ["MobileNet", "MobileNetV2"])
@pytest.mark.parametrize("epsilon", [2, 4, 8])
def test_fgsm_errs_as_the_paper_says_up_the_training_cost(network, epsilon):
    # Paper, Sec. 2.2: an error of 63 to 69 %, whatever epsilon from 2 to 32.
    assert 50 < _error(network, f"fgsm_eps{epsilon}") < 80


@pytest.mark.parametrize("images", ["", "_eli"])  # the second: probably of training
@pytest.mark.parametrize("network", ["MobileNet", "MobileNetV2"])
@pytest.mark.parametrize("epsilon", [2, 4, 8])
def test_fgsm_finds_far_more_at_hard_labels(network, images, epsilon):
    hard = _error(network + images, f"fgsm_hard_eps{epsilon}")
    assert hard > 90
    assert _error(network + images, f"fgsm_eps{epsilon}") < hard - 15


def _error(network, evaluation):
    path = STUDY / network / "evaluations" / f"{evaluation}.json"
    return 100 - json.loads(path.read_text(encoding="utf-8"))["accuracy"]
