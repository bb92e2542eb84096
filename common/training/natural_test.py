"""Natural training against its NumPy twin on a linear model."""

import numpy as np
import pytest

from common.training.natural import NaturalTraining
from tests.oracles import training


@pytest.mark.parametrize(("smoothing", "momentum"), [(0.0, 0.9), (0.1, 0.0)])
def test_it_is_descent_on_the_images_as_they_are(smoothing, momentum):
    trained = training.bound(NaturalTraining(smoothing), momentum=momentum)
    twin = training.Twin(trained, momentum=momentum)
    for seed in range(3):
        images, labels = training.minibatch(seed)
        metrics = training.step(trained, (images, labels), 0)
        expected, gradients, _ = twin.passes(np.float64(images), labels, smoothing)
        twin.descend(gradients)
        twin.check(metrics, expected)
    assert [mode["training"] for _, mode in trained.network.calls] == [True] * 3


@pytest.mark.parametrize("smoothing", [-0.1, 1.0])
def test_a_smoothing_outside_its_range_is_refused(smoothing):
    with pytest.raises(ValueError, match=rf"Received: label_smoothing={smoothing}"):
        NaturalTraining(smoothing)
