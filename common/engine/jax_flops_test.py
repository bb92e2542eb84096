"""Counts in closed form."""

import jax
import numpy as np
import pytest
from jax import lax
from jax import numpy as jnp

from common.engine import jax_flops

IMAGES = np.zeros((2, 8, 8, 6), np.float32)


@pytest.mark.parametrize(
    ("kernel", "stride", "groups", "expected"),
    [
        ((3, 3, 6, 4), 1, 1, 2 * (2 * 8 * 8 * 4) * 3 * 3 * 6),
        ((3, 3, 6, 4), 2, 1, 2 * (2 * 4 * 4 * 4) * 3 * 3 * 6),
        ((3, 3, 1, 6), 1, 6, 2 * (2 * 8 * 8 * 6) * 3 * 3),
    ],
)
def test_a_convolution_sums_over_its_kernel(kernel, stride, groups, expected):
    def convolve(images):
        return lax.conv_general_dilated(
            images,
            jnp.zeros(kernel),
            (stride, stride),
            "SAME",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=groups,
        )

    assert jax_flops.count(convolve, IMAGES) == expected


def test_products_inside_compiled_functions_count_and_sums_do_not():
    inner = jax.jit(lambda x: jax.nn.relu(x @ jnp.zeros((6, 5)) + 1.0))
    shape = jax.ShapeDtypeStruct((7, 6), jnp.float32)
    assert jax_flops.count(lambda x: jax.jit(inner)(x).sum(), shape) == 2 * 7 * 6 * 5
