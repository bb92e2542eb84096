"""What counts as logits, and what is refused."""

import numpy as np
import pytest

from common.evaluation import logits

VALUES = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]], np.float32)


class Branched:
    """Says how it was called; the branches are what a test makes them."""

    def __call__(self, images, **mode):
        return images, mode


def test_a_network_without_branches_is_asked_in_inference_mode():
    for branch in ("", "clean"):
        assert logits.inference(Branched(), branch)(3) == (3, {"training": False})


@pytest.mark.parametrize(
    ("asked", "through"), [("", "clean"), ("clean", "clean"), ("adv", "adv")]
)
def test_a_branch_is_the_first_or_the_one_that_is_asked_for(asked, through):
    network = Branched()
    network.branches = ("clean", "adv")
    mode = {"training": False, "branch": through}
    assert logits.inference(network, asked)(3) == (3, mode)


def test_a_branch_that_is_not_there_is_refused():
    network = Branched()
    with pytest.raises(ValueError, match=r"the network has: clean. Received: branch=a"):
        logits.inference(network, "adv")
    network.branches = ("clean", "adv")
    with pytest.raises(ValueError, match=r"has: clean, adv. Received: branch=adve"):
        logits.inference(network, "adve")


def softmax(values):
    exp = np.exp(values)
    return exp / exp.sum(-1, keepdims=True)


@pytest.mark.parametrize(
    "values",
    [
        VALUES,
        np.log(softmax(VALUES)),
        np.abs(VALUES),
        np.zeros((2, 3)),
        np.vstack([softmax(VALUES), VALUES]),  # one row is not enough to tell
        softmax(VALUES).astype(np.float16) * 2,
    ],
)
def test_logits_pass(values):
    logits.check_logits(values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (softmax(VALUES), "Take the softmax off the last layer"),
        (softmax(VALUES).astype(np.float16), "sums to 1"),
        (np.eye(3), "first row max=1"),
        (VALUES[0], r"shape \[B, K\]. Received: shape=\(3,\)"),
        (VALUES[:, :, None], r"Received: shape=\(2, 3, 1\)"),
        (np.where(VALUES > 2, np.nan, VALUES), "Received: 1 values that are not"),
        (np.where(VALUES > 2, -np.inf, VALUES), "must be finite"),
    ],
)
def test_what_is_no_logits_is_refused_in_one_line(values, message):
    with pytest.raises(ValueError, match=message) as caught:
        logits.check_logits(values)
    assert "\n" not in str(caught.value)
