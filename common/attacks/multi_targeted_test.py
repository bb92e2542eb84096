"""Large steps towards each wrong class, against NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from common import attacks
from common.attacks import attack
from tests.oracles import textbook

NETWORK = textbook.TinyNetwork()
EPSILON = 6.0


@pytest.mark.parametrize("restart", [0, 2])
def test_steps_shorten_along_a_cosine_towards_a_class(restart):
    images, labels = textbook.spread_batch()
    problem = attack.Problem(NETWORK, tf.constant(images), labels, 4, restart)
    found = attacks.MultiTargeted(EPSILON, 5)
    start = found.start(problem)
    eye = np.eye(textbook.CLASSES)
    ranked = np.argsort(-NETWORK.logits(images) + 1e9 * eye[labels], axis=-1)
    targets = ranked[:, restart]
    np.testing.assert_array_equal(start.target, targets)
    x = np.float64(start.images)
    assert 5 < np.abs(x - images).max() <= EPSILON + 1e-4
    for step in range(5):
        slope = NETWORK.gradient(x, eye[targets] - eye[labels])
        length = EPSILON * (1 + np.cos(np.pi * step / 5))
        moved = np.clip(x + length * np.sign(slope), images - EPSILON, images + EPSILON)
        x = np.clip(moved, 0, 255)
    state = found.proceed(problem, start, None, 5)
    np.testing.assert_allclose(state.images, x, atol=1e-3)


def test_an_iterate_that_fools_the_network_is_the_result():
    images, _ = textbook.batch(12)
    labels = NETWORK.logits(images).argmax(-1).astype(np.int32)
    problem = attack.Problem(NETWORK, tf.constant(images), labels, 4)
    found = attacks.MultiTargeted(1.5, 5)
    state = found.proceed(problem, found.start(problem), None, 5)
    wrong = NETWORK.logits(found.judged(state).numpy()).argmax(-1) != labels
    fooled = state.memory.fooled.numpy()
    assert 0 < fooled.sum() < 12
    assert wrong[fooled].all()


@pytest.mark.parametrize("field", ["num_steps", "num_restarts"])
def test_counts_out_of_range_are_refused(field):
    with pytest.raises(ValueError, match=field):
        attacks.MultiTargeted(8.0, **{field: 0})
