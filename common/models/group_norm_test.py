"""Group norm against loops, and what it refuses."""

import numpy as np
import pytest

from common.models import WideResNet, norms


def test_group_norm_agrees_with_loops_over_images_and_groups():
    layer = norms.Group(groups=2).layer(
        epsilon=0.1, gamma_initializer="random_normal", name="norm"
    )
    inputs = np.random.default_rng(3).normal(2.0, 3.0, (3, 4, 5, 6)).astype("float32")
    layer(inputs)
    gamma, beta = layer.weights
    beta.assign(np.arange(6.0))
    expected = np.zeros(inputs.shape)
    for image in range(3):
        for first in (0, 3):
            group = inputs[image, :, :, first : first + 3].astype("float64")
            scaled = (group - group.mean()) / np.sqrt(group.var() + 0.1)
            expected[image, :, :, first : first + 3] = scaled
    np.testing.assert_allclose(
        layer(inputs, training=True, branch="any"),
        expected * np.asarray(gamma) + np.asarray(beta),
        atol=1e-5,
    )


def test_group_norm_is_refused_where_the_channels_do_not_divide():
    message = r"norm_act1/norm has 16 channels.*norm\.groups\. Received: groups=32"
    with pytest.raises(ValueError, match=message):
        WideResNet(depth=8, width=1, norm=norms.Group(32)).build(10, 8)
