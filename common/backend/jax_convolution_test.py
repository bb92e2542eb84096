"""Convolutions of any layout are compiled in one, and give what they gave."""

import re

import jax
import numpy as np
import pytest
from jax import lax

from common.backend import jax_convolution

RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(6, 7, 5, 4)).astype(np.float32)  # NHWC
KERNEL = RNG.normal(size=(3, 2, 4, 6)).astype(np.float32)  # HWIO
USUAL = ("NHWC", "HWIO", "NHWC")
SAME = {"window_strides": (1, 1), "padding": "SAME"}
UNIT = {"window_strides": (1, 1), "padding": ((1, 0), (0, 2))}


@pytest.fixture(autouse=True)
def channels_last():
    jax_convolution.put_channels_last()


@pytest.mark.parametrize(
    "settings",
    [
        SAME,
        {"window_strides": (2, 1), "padding": ((0, 2), (1, 0))},
        UNIT | {"lhs_dilation": (1, 2), "rhs_dilation": (2, 1)},
        SAME | {"feature_group_count": 2},
        SAME | {"batch_group_count": 3},
    ],
)
@pytest.mark.parametrize(
    "layouts",
    [("NCHW", "OIHW", "NCHW"), ("CHWN", "IHWO", "HWNC"), ("WCNH", "OHWI", "CNWH")],
)
def test_every_layout_gives_the_same(layouts, settings):
    kernel = KERNEL[:, :, : 4 // settings.get("feature_group_count", 1)]
    usual = lax.conv_general_dilated(
        INPUTS, kernel, dimension_numbers=USUAL, **settings
    )
    convolve = jax.jit(
        lambda inputs, kernel: lax.conv_general_dilated(
            inputs, kernel, dimension_numbers=layouts, **settings
        )
    )
    found = convolve(
        np.einsum(f"NHWC->{layouts[0]}", INPUTS),
        np.einsum(f"HWIO->{layouts[1]}", kernel),
    )
    expected = np.einsum(f"NHWC->{layouts[2]}", usual)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_complex_numbers_are_left_to_jax():
    inputs = np.ones((1, 1, 4), np.complex64) * 1j
    found = lax.conv_general_dilated(inputs, inputs[..., :2], (1,), "VALID")
    np.testing.assert_allclose(found, [[[-2.0, -2.0, -2.0]]], atol=1e-6)


def test_one_dimension_is_turned_too():
    found = lax.conv_general_dilated(
        np.ones((1, 1, 4), np.float32), np.ones((1, 1, 2), np.float32), (1,), "VALID"
    )
    np.testing.assert_array_equal(found, [[[2.0, 2.0, 2.0]]])


def test_all_gradients_in_a_loop_are_channels_last():
    def loss(inputs, kernel):
        outputs = lax.conv_general_dilated(
            inputs, kernel, dimension_numbers=USUAL, **SAME
        )
        return (outputs**2).sum()

    def step(_, point):
        return jax.tree.map(lambda x, g: x - g, point, jax.grad(loss, (0, 1))(*point))

    def descend(*point):
        return lax.fori_loop(0, 3, step, point)

    text = jax.jit(descend).lower(INPUTS, KERNEL).as_text()
    layouts = re.findall(r"dim_numbers = (.*?\].*?\].*?\])", text)
    assert layouts == ["[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]"] * 3
