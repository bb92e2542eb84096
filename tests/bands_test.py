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
    ("free_at", "cifar10_natural"): {"clean": 95.2, "pgd_20": 9.2},
    ("free_at", "cifar10_free_8"): {"clean": 94.8, "pgd_20": 45.4},
    ("kurakin2017", "step_ll"): {"clean": 94.8, "fgsm_eps16": 78.8},
    ("intriguing_at", "mbn"): {"clean": 97.2, "pgd_100": 86.2},
    ("smooth_at", "silu"): {"clean": 97.2, "pgd_20": 53.6},
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
