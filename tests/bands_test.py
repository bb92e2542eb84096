"""What training on the digits ends with: a few networks, within bands.

The accuracies are those of `python reproduce.py --scale=digits` at seed 0 on TensorFlow
and a CPU. Another machine or engine moves them by some points, since an attack takes
signs; a wrong scale, sign or mode of batch norm moves them by more.
"""

import pytest

from common import cli
from common.results import measured, packages

BAND = 6.0  # points to either side
ENDS = {  # (paper, recipe) -> evaluation -> percent correct
    ("free_at", "cifar10_natural"): {"clean": 94.8, "pgd_20": 9.8},
    ("free_at", "cifar10_free_8"): {"clean": 92.0, "pgd_20": 44.4},
    ("kurakin2017", "step_ll"): {"clean": 96.0, "step_ll_eps64": 61.0},
    ("ensemble_at", "v3adv_ens3"): {"clean": 96.0, "step_ll": 60.0},
    ("intriguing_at", "mbn"): {"clean": 96.0, "pgd_100": 56.4},
    ("smooth_at", "silu"): {"clean": 93.4, "pgd_20": 55.2},
}


@pytest.mark.slow
@pytest.mark.parametrize(("paper", "recipe"), ENDS)
def test_a_training_ends_within_its_band(tmp_path, paper, recipe):
    found, expected = packages.find(paper), ENDS[paper, recipe]
    place = (recipe, "--scale=digits", f"--workdir={tmp_path}")
    assert cli.main(found, [paper, "train", *place]) == cli.GOOD
    assert cli.main(found, [paper, "evaluate", *place, *expected]) == cli.GOOD
    run = measured.find(tmp_path, paper, "digits")[recipe]
    ends = {name: run.evaluation(name).accuracy for name in expected}
    assert ends == pytest.approx(expected, abs=BAND)
