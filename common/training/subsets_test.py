import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.training import subsets


def test_every_second_of_eight():
    np.testing.assert_array_equal(subsets.evenly(8, 1, 2), [False, True] * 4)


@pytest.mark.parametrize("chosen", [0, 5])
def test_none_and_all(chosen):
    assert subsets.evenly(10, chosen, 5).tolist() == [chosen == 5] * 10


@given(st.integers(0, 12), st.integers(1, 12), st.integers(1, 6), st.integers(1, 4))
def test_as_many_as_asked_for_and_the_same_on_every_number_of_replicas(
    chosen, of, groups, replicas
):
    chosen = min(chosen, of)
    whole = subsets.evenly(of * groups * replicas, chosen, of)
    assert whole.sum() == chosen * groups * replicas
    parts = [subsets.evenly(of * groups, chosen, of)] * replicas
    np.testing.assert_array_equal(whole, np.concatenate(parts))
