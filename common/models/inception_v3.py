"""Inception v3, as TF-Slim has it.

On images of 299 pixels the stem leaves a grid of 35x35, on which there are three
blocks; there are four on the grid of 17x17 and two on that of 8x8.

`blocks=(3, 6, 2)` is for the deeper network of Kurakin 2017, which has two more blocks.
The paper does not say which; two more of the middle grid's widest is our choice.

Source: Szegedy 2015; the code of TF-Slim.
"""

from __future__ import annotations

import functools
from typing import Any

from keras.initializers import HeNormal, TruncatedNormal

from common.models import inception, inception_cells
from common.models.architectures import InceptionV3
from common.models.inception_cells import AveragePool, Conv, MaxPool, Mixed


def parts(config: InceptionV3, num_classes: int, *, large: bool) -> inception.Parts:
    """Returns new layers for a network of `num_classes` logits."""
    padding = "valid" if large else "same"
    new_conv = inception.conv(config)
    grids = inception.grids(config, (_GRID_5, _GRID_6, _GRID_7))
    classifier = functools.partial(
        inception_cells.Classifier, num_classes=num_classes, dense=False
    )
    return inception.Parts(
        trunk=[
            *(inception.stem(new_conv) if large else inception.small_stem(config)),
            *grids[0],
            _reduction_6(new_conv, padding),
            *grids[1],
        ],
        top=[_reduction_7(new_conv, padding), *grids[2]],
        logits=inception_cells.Chain(
            "Logits", classifier("Conv2d_1c_1x1", initializer=HeNormal())
        ),
        auxiliary=inception_cells.AuxiliaryLogits(
            new_conv,
            classifier("Conv2d_2b_1x1", initializer=TruncatedNormal(stddev=0.001)),
            whole="Conv2d_2a_{}",
            initializer=TruncatedNormal(stddev=0.01),
        ),
    )


def _block_5(
    conv: Conv,
    name: str,
    pooled: int,
    names: tuple[str, str] = ("Conv2d_0a_1x1", "Conv2d_0b_5x5"),
) -> Mixed:
    return Mixed(
        name,
        [conv("Conv2d_0a_1x1", 64)],
        [conv(names[0], 48), conv(names[1], 64, 5)],
        [
            conv("Conv2d_0a_1x1", 64),
            conv("Conv2d_0b_3x3", 96, 3),
            conv("Conv2d_0c_3x3", 96, 3),
        ],
        [AveragePool(), conv("Conv2d_0b_1x1", pooled)],
    )


def _reduction_6(conv: Conv, padding: str) -> Mixed:
    last: dict[str, Any] = {"kernel_size": 3, "strides": 2, "padding": padding}
    return Mixed(
        "Mixed_6a",
        [conv("Conv2d_1a_1x1", 384, **last)],  # 3x3, whatever slim's names say
        [
            conv("Conv2d_0a_1x1", 64),
            conv("Conv2d_0b_3x3", 96, 3),
            conv("Conv2d_1a_1x1", 96, **last),
        ],
        [MaxPool(padding, name="MaxPool_1a_3x3")],
    )


def _block_6(conv: Conv, name: str, inner: int) -> Mixed:
    return Mixed(
        name,
        [conv("Conv2d_0a_1x1", 192)],
        [
            conv("Conv2d_0a_1x1", inner),
            conv("Conv2d_0b_1x7", inner, (1, 7)),
            conv("Conv2d_0c_7x1", 192, (7, 1)),
        ],
        [
            conv("Conv2d_0a_1x1", inner),
            conv("Conv2d_0b_7x1", inner, (7, 1)),
            conv("Conv2d_0c_1x7", inner, (1, 7)),
            conv("Conv2d_0d_7x1", inner, (7, 1)),
            conv("Conv2d_0e_1x7", 192, (1, 7)),
        ],
        [AveragePool(), conv("Conv2d_0b_1x1", 192)],
    )


def _reduction_7(conv: Conv, padding: str) -> Mixed:
    last: dict[str, Any] = {"kernel_size": 3, "strides": 2, "padding": padding}
    return Mixed(
        "Mixed_7a",
        [conv("Conv2d_0a_1x1", 192), conv("Conv2d_1a_3x3", 320, **last)],
        [
            conv("Conv2d_0a_1x1", 192),
            conv("Conv2d_0b_1x7", 192, (1, 7)),
            conv("Conv2d_0c_7x1", 192, (7, 1)),
            conv("Conv2d_1a_3x3", 192, **last),
        ],
        [MaxPool(padding, name="MaxPool_1a_3x3")],
    )


def _block_7(conv: Conv, name: str, upright: str = "Conv2d_0c_3x1") -> Mixed:
    return Mixed(
        name,
        [conv("Conv2d_0a_1x1", 320)],
        [
            conv("Conv2d_0a_1x1", 384),
            [conv("Conv2d_0b_1x3", 384, (1, 3)), conv(upright, 384, (3, 1))],
        ],
        [
            conv("Conv2d_0a_1x1", 448),
            conv("Conv2d_0b_3x3", 384, 3),
            [conv("Conv2d_0c_1x3", 384, (1, 3)), conv("Conv2d_0d_3x1", 384, (3, 1))],
        ],
        [AveragePool(), conv("Conv2d_0b_1x1", 192)],
    )


# The blocks of each grid in order. Mixed_5c and Mixed_7b have slim's odd names.
_GRID_5 = (
    functools.partial(_block_5, pooled=32),
    functools.partial(_block_5, pooled=64, names=("Conv2d_0b_1x1", "Conv_1_0c_5x5")),
    functools.partial(_block_5, pooled=64),
)
_GRID_6 = tuple(
    functools.partial(_block_6, inner=filters) for filters in (128, 160, 160, 192)
)
_GRID_7 = (functools.partial(_block_7, upright="Conv2d_0b_3x1"), _block_7)

build = functools.partial(inception.build, parts=parts)
