"""What passes for logits, and what is refused."""

import numpy as np
import pytest
from keras import ops

from common import attacks
from common.attacks import answers
from tests.oracles import textbook

VALUES = np.random.default_rng(0).normal(size=(8, 5))


def softmax(values):
    exp = np.exp(values)
    return exp / exp.sum(-1, keepdims=True)


@pytest.mark.parametrize(
    "values",
    [
        VALUES,
        np.log(softmax(VALUES)),
        np.abs(VALUES),
        np.zeros((8, 5)),
        1e-9 * np.abs(VALUES),
        1.0 + 1e-6 * VALUES,  # rows that differ by rounding
        np.ones((8, 5)) * [1, 0, 0, 0, 2],  # every image alike
        np.vstack([softmax(VALUES), VALUES]),  # one row is not enough to tell
        VALUES - VALUES.mean(-1, keepdims=True),
        0.3 + 0.01 * VALUES[:2, :2],  # too few values to tell
        10 * np.abs(np.tanh(VALUES) * 0.9),  # such as cosines, multiplied
        VALUES + np.array([0, -1e9, 0, -1e4, 0]),  # masked classes
        VALUES + np.array([0, -300, 0, 0, 0]),
        np.log(softmax(30 * VALUES[:, :2])),
        np.stack([0 * VALUES[:, 0], 1 + VALUES[:, 1] ** 2], 1),
        np.log1p(np.exp(0.01 * VALUES)),  # softplus, untrained
        VALUES.astype(np.float16),
        np.maximum(VALUES, 0.0),
    ],
)
def test_logits_pass(values):
    answers.check_logits(values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (softmax(VALUES), "Take the softmax off the last layer"),
        (softmax(VALUES)[:1], "sums to 1"),
        (softmax(VALUES).astype(np.float16), "sums to 1"),
        (1 / (1 + np.exp(-VALUES)), "Take the sigmoids off"),
        (np.abs(np.tanh(VALUES) * 0.9), "such as cosines, may be multiplied by 10"),
        (1 / (1 + np.exp(-50 * VALUES)) * 3 - 1, "most values are near -1 or 2"),
        (np.clip(9 * VALUES, -1, 1), "most values are near"),
        (np.eye(5), "first row max=1"),
        (np.c_[1 / (1 + np.exp(-VALUES)), np.full(8, -1e9)], "Take the sigmoids off"),
        (VALUES[:, :, None], r"Received: shape=\(8, 5, 1\)"),
        (np.where(VALUES > 1.2, np.nan, VALUES), "Received: [1-9] values that are not"),
        (np.where(np.eye(5) == 1, 0.0, -np.inf), "log_softmax has none"),
    ],
)
def test_what_is_no_logits_is_refused_in_one_line(values, message):
    with pytest.raises(ValueError, match=message) as found:
        answers.check_logits(values)
    assert "\n" not in str(found.value)


def test_a_call_refuses_what_is_no_logits_at_the_first_answer():
    """On TensorFlow, where values are known: attacks would look weak."""
    images, labels = textbook.batch()
    network = textbook.TinyNetwork()
    attack = attacks.PGD(8.0, 2.0, num_steps=2)
    with pytest.raises(ValueError, match="Take the softmax off the last layer"):
        attack(lambda x: ops.softmax(network(x)), images, labels)
    attack(lambda x: ops.log_softmax(network(x)), images, labels)
    attack(lambda x: ops.softmax(network(x)), images[:1], labels[:1])  # too few to tell
