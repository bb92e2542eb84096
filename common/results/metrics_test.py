"""Each metric against a count of the images, one by one."""

import math

import numpy as np
import pytest

from common import intervals
from common.recipe import TRAINING_TIME, Cell
from common.results import measured, metrics

TOTAL = 60


@pytest.fixture
def arrays():
    generator = np.random.default_rng(0)
    names = ("survived", "top5", "hit", "fooled", "survived_top5", "fooled_top5")
    return {
        evaluation: {name: generator.random(TOTAL) < share for name in names}
        for evaluation, share in (("pgd_20", 0.4), ("clean", 0.8))
    }


@pytest.fixture
def run(tmp_path, write_run, arrays):
    write_run("free_4", arrays)
    return measured.find(tmp_path / "runs", "fake", "paper")["free_4"]


def measure(run, metric, evaluation="pgd_20", other=""):
    cell = Cell("row", "column", "free_4", evaluation, metric, other)
    return metrics.of(cell).measure(run, cell)


def share(counted, among=TOTAL):
    return 100 * counted / among, intervals.wilson(counted, among), among


def transferred(eligible, right):
    """Counts as the paper says: of those that fooled the source, the target's wrong."""
    pairs = list(zip(eligible, right, strict=True))
    wrong = sum(1 for fooled, correct in pairs if fooled and not correct)
    return share(wrong, sum(1 for fooled, _ in pairs if fooled))


def test_shares_are_counts_of_images_with_the_wilson_interval(run, arrays):
    found = {name: [bool(x) for x in a] for name, a in arrays["pgd_20"].items()}
    clean = arrays["clean"]["survived"]
    leaked = sum(a and not b for a, b in zip(found["survived"], clean, strict=True))
    expected = {
        "accuracy": share(found["survived"].count(True)),
        "top5": share(found["top5"].count(True)),
        "success": share(found["hit"].count(True)),
        "error": share(found["survived"].count(False)),
        "error_top5": share(found["top5"].count(False)),
        "target_error": share(found["survived"].count(False)),
        "target_error_top5": share(found["survived_top5"].count(False)),
        "transfer": transferred(found["fooled"], found["survived"]),
        "transfer_top5": transferred(found["fooled_top5"], found["survived_top5"]),
        "leaked": share(leaked),
    }
    for metric, value in expected.items():
        other = "clean" if metric == "leaked" else ""
        assert measure(run, metric, other=other) == value, metric
    expected = {k: v for k, v in expected.items() if not k.startswith("error")}
    assert len({value[0] for value in expected.values()}) == len(expected)


@pytest.mark.parametrize(("metric", "array"), [("ratio", 0), ("ratio_top5", 1)])
def test_a_ratio_divides_by_the_other_evaluation(run, arrays, metric, array):
    name = ("survived", "top5")[array]
    top, bottom = (int(arrays[e][name].sum()) for e in ("pgd_20", "clean"))
    found = measure(run, metric, other="clean")
    assert found.number == top / bottom
    assert found.interval[0] < found.number < found.interval[1]
    assert found.total == TOTAL
    assert measure(run, metric, "clean", "pgd_20").number == bottom / top


def test_a_mean_is_of_the_number_of_every_image(tmp_path, write_run, arrays):
    numbers = np.random.default_rng(1).random(TOTAL)
    masking = {**arrays["pgd_20"], "loss_share": numbers}
    path = write_run("free_4", {"masking": masking, "clean": arrays["clean"]})
    run = measured.find(tmp_path / "runs", "fake", "paper")["free_4"]
    found = measure(run, "loss_share", "masking")
    assert found == (*_split(intervals.mean(numbers)), TOTAL)
    assert measure(run, "loss_share", "clean") is None
    assert measure(run, "cosine", "masking") is None
    short = {**arrays["pgd_20"], "loss_share": numbers[1:]}
    np.savez(path / "evaluations" / "masking.npz", **short)
    with pytest.raises(ValueError, match="loss_share must have a number for each"):
        measure(run, "loss_share", "masking")


def _split(estimate):
    return estimate.value, (estimate.low, estimate.high)


def test_minutes_have_no_interval(run):
    assert measure(run, "accuracy", TRAINING_TIME) == (100.0, None, None)


def test_only_shares_are_judged():
    judged = {name for name, metric in metrics.METRICS.items() if metric.judged}
    means = {"loss_share", "cosine", "gradient_norm"}
    assert set(metrics.METRICS) - judged == {"ratio", "ratio_top5", "minutes", *means}


def test_what_was_not_run_is_none(tmp_path, write_run, outcomes):
    write_run("natural", {"clean": outcomes(5, 10)}, minutes=None)
    run = measured.find(tmp_path / "runs", "fake", "paper")["natural"]
    assert measure(run, "accuracy") is None
    assert measure(run, "ratio", other="clean") is None
    assert measure(run, "top5", "clean") is None  # five classes or less
    assert measure(run, "success", "clean") is None  # no target
    assert measure(run, "transfer", "clean") is None
    assert measure(run, "accuracy", TRAINING_TIME) is None


def test_a_rate_among_no_images_is_no_number(tmp_path, write_run, outcomes):
    none = outcomes(0, 10)
    write_run("natural", {"pgd_20": {"survived": none, "fooled": none}, "clean": none})
    run = measured.find(tmp_path / "runs", "fake", "paper")["natural"]
    for metric, other in (("transfer", ""), ("ratio", "clean")):
        found = measure(run, metric, other=other)
        assert math.isnan(found.number)
        assert (found.interval, found.total) == (None, 0)


def test_a_cell_names_as_many_evaluations_as_its_metric_relates(run):
    with pytest.raises(ValueError, match="metric=ratio, other=''"):
        measure(run, "ratio")
    with pytest.raises(ValueError, match="metric=top5, other='clean'"):
        measure(run, "top5", other="clean")
    with pytest.raises(ValueError, match=r"Received: ratoi\. Nearest: ratio"):
        measure(run, "ratoi")


def test_a_ratio_of_other_images_is_refused(tmp_path, write_run, outcomes):
    write_run("free_4", {"pgd_20": outcomes(5, 10), "clean": outcomes(5, 20)})
    run = measured.find(tmp_path / "runs", "fake", "paper")["free_4"]
    with pytest.raises(ValueError, match=r"free_4: .* same images.*pgd_20 and clean"):
        measure(run, "ratio", other="clean")


def test_a_ratio_of_other_drawn_images_is_refused(tmp_path, write_run, outcomes):
    drawn = [
        {"survived": outcomes(5, 10), "num_images": 10, "seed": seed} for seed in (0, 1)
    ]
    write_run("free_4", dict(zip(("pgd_20", "clean"), drawn, strict=True)))
    run = measured.find(tmp_path / "runs", "fake", "paper")["free_4"]
    with pytest.raises(ValueError, match="same images"):
        measure(run, "ratio", other="clean")
