"""The weights that are kept give the outcomes that are kept, image by image."""

import os
import pathlib

import numpy as np
import pytest

import reproduce
from common import evaluation, runs
from common.models import logits
from common.results import measured, packages

KEPT = (
    ("free_at", "cifar10_free_8", ("clean", "pgd_20")),
    ("kurakin2017", "width_0.5_step_ll", ("clean", "step_ll_eps16")),
    ("intriguing_at", "mbn_seed1", ("clean", "pgd_10_mbn_adv")),
    ("smooth_at", "silu_seed2", ("clean", "pgd_20")),
)
LARGEST = 1_300_000  # bytes
FIRST_CLEAN, FIRST_ATTACKED = 100, 50  # images in the default tests
FOLDER = pathlib.Path(os.environ.get("TFDS_DATA_DIR", ""), "cifar10")
has_images = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="TFDS_DATA_DIR has no cifar10"
)


def weights(paper, recipe):
    folder = reproduce.RECORDS / paper / "small" / recipe
    return folder / f"{recipe}.weights.h5"


def agreeing(place, kept, *, whole):
    """Returns the share of equal outcomes and their number, by evaluation.

    Args:
      place: folder of the runs.
      kept: a row of `KEPT`.
      whole: all images, and not the first ones alone.
    """
    paper, recipe, names = kept
    at = packages.find(paper).at("small")
    run = runs.Session(at, place, weights=str(weights(paper, recipe))).run(recipe)
    network, found = run.network(), {}
    records = measured.Run(weights(paper, recipe).parent)
    for name in names:
        value = at.evaluations[name]
        first = FIRST_CLEAN if value.attack is None else FIRST_ATTACKED
        count = None if whole else first
        total = run.recipe.dataset.num_test
        drawn = np.arange(total)
        if value.num_images:
            drawn = evaluation.sample(total, value.num_images, value.seed)
        images = run.recipe.dataset.test_batches(batch_size=250, indices=drawn[:count])
        logits_fn = logits.inference(network, value.branch)
        record = evaluation.evaluate(logits_fn, images, value.attack, seed=value.seed)
        same = record.survived == records.survived(name)[:count]
        found[name] = same.mean(), same.size
    return found


def test_each_file_is_small_and_known():
    found = set(reproduce.RECORDS.glob("*/small/*/*.weights.h5"))
    assert found == {weights(*kept[:2]) for kept in KEPT}
    assert all(path.stat().st_size <= LARGEST for path in found)


@has_images
@pytest.mark.parametrize("kept", KEPT, ids=str)
def test_the_first_images_have_their_outcomes(tmp_path, kept):
    for name, (share, count) in agreeing(tmp_path, kept, whole=False).items():
        assert count in (FIRST_CLEAN, FIRST_ATTACKED)
        assert share >= 1 - 1 / count, name  # one may lie on the edge of rounding


@pytest.mark.slow
@has_images
@pytest.mark.parametrize("kept", KEPT, ids=str)
def test_all_images_have_their_outcomes(tmp_path, kept):
    for name, (share, _) in agreeing(tmp_path, kept, whole=True).items():
        assert share >= 0.999, name
