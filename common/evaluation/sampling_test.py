"""Draws without replacement."""

import numpy as np
import pytest

from common import evaluation


@pytest.mark.parametrize("num_images", [1, 7, 99, 100])
def test_positions_are_distinct_sorted_and_of_the_test_set(num_images):
    positions = evaluation.sample(100, num_images, seed=3)
    assert positions.dtype == np.int64 and len(positions) == num_images
    assert (np.diff(positions) > 0).all()
    assert 0 <= positions.min() <= positions.max() < 100


def test_a_smaller_draw_of_the_same_seed_is_a_subset():
    small, large = (set(evaluation.sample(500, n, seed=1)) for n in (50, 200))
    assert small < large


def test_the_seed_decides():
    first, again, other = (evaluation.sample(500, 50, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert len(set(first) & set(other)) < 20


def test_the_draw_is_what_it_was():
    # Records name images by it: another draw would be another subset.
    assert evaluation.sample(50_000, 5, seed=0).tolist() == [
        3938,
        24169,
        38349,
        41753,
        47417,
    ]


def test_every_position_is_drawn_equally_often():
    counts = np.zeros(20)
    for seed in range(60):
        counts[evaluation.sample(20, 10, seed)] += 1
    assert abs(counts - 30).max() < 5 * np.sqrt(30 * 0.5)


@pytest.mark.parametrize("num_images", [0, -1, 101])
def test_more_than_there_are_and_none_are_refused(num_images):
    with pytest.raises(ValueError, match=f"100. Received: num_images={num_images}"):
        evaluation.sample(100, num_images, seed=0)
