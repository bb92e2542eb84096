"""Inception ResNet v2, as TF-Slim has it.

The stem is that of version 3, and a cell follows it. On images of 299 pixels there are
ten residual blocks on the grid of 35x35, twenty on that of 17x17 and nine on that of
8x8, where one more block has no activation. What a block adds is scaled down. Blocks
are in the scopes Repeat, Repeat_1 and Repeat_2, so that a variable's path is, say,
inception_resnet_v2/Repeat/block35_1/Branch_0/Conv2d_1x1/conv/kernel.

Source: Szegedy 2016; the code of TF-Slim.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from keras.initializers import GlorotUniform

from common.models import activations, inception, inception_cells
from common.models.architectures import InceptionResNetV2
from common.models.inception_cells import AveragePool, Conv, MaxPool, Mixed, Residual

Branches = tuple[list[Any], ...]


class _Grid(NamedTuple):
    """The residual blocks of a grid: their scope, name, branches, and scale."""

    scope: str
    name: str
    branches: Callable[[Conv], Branches]
    scale: float


def parts(
    config: InceptionResNetV2, num_classes: int, *, large: bool
) -> inception.Parts:
    """Returns new layers for a network of `num_classes` logits."""
    padding = "valid" if large else "same"
    new_conv = conv(config)

    def classifier() -> inception_cells.Classifier:
        return inception_cells.Classifier(
            "Logits", num_classes, dense=True, initializer=GlorotUniform()
        )

    first, second, third = (
        _repeated(config, count, grid)
        for count, grid in zip(config.blocks, _GRIDS, strict=True)
    )
    return inception.Parts(
        trunk=[
            *(inception.stem(new_conv) if large else inception.small_stem(config)),
            _mixed_5b(new_conv),
            first,
            _reduction_6(new_conv, padding),
            second,
        ],
        top=[
            _reduction_7(new_conv, padding),
            third,
            Residual("Block8", *_block_8(new_conv), scale=1.0, activation=_identity),
            new_conv("Conv2d_7b_1x1", 1536),
        ],
        logits=inception_cells.Chain("Logits", classifier()),
        auxiliary=inception_cells.AuxiliaryLogits(
            new_conv, classifier(), whole="Conv2d_2a_{}"
        ),
    )


def conv(config: InceptionResNetV2) -> Conv:
    """Returns what makes the convolutions, which start as slim's default has it.

    Each has an initializer of its own, since one draws the same numbers each time.
    """
    make = inception.conv(config)

    def made(
        *args: Any, initializer: Any = None, **fields: Any
    ) -> inception_cells.ConvNorm:
        return make(*args, initializer=initializer or GlorotUniform(), **fields)

    return made


def _repeated(
    config: InceptionResNetV2, count: int, grid: _Grid
) -> inception_cells.Chain:
    """Returns the residual blocks of a grid, numbered from 1."""
    blocks = (
        Residual(
            f"{grid.name}_{number}",
            *grid.branches(conv(config)),
            scale=grid.scale,
            activation=activations.get(config.activation),
        )
        for number in range(1, count + 1)
    )
    return inception_cells.Chain(grid.scope, *blocks)


def _identity(features: Any) -> Any:
    return features


def _mixed_5b(conv: Conv) -> Mixed:
    return Mixed(
        "Mixed_5b",
        [conv("Conv2d_1x1", 96)],
        [conv("Conv2d_0a_1x1", 48), conv("Conv2d_0b_5x5", 64, 5)],
        [
            conv("Conv2d_0a_1x1", 64),
            conv("Conv2d_0b_3x3", 96, 3),
            conv("Conv2d_0c_3x3", 96, 3),
        ],
        [AveragePool(), conv("Conv2d_0b_1x1", 64)],
    )


def _block_35(conv: Conv) -> Branches:
    return (
        [conv("Conv2d_1x1", 32)],
        [conv("Conv2d_0a_1x1", 32), conv("Conv2d_0b_3x3", 32, 3)],
        [
            conv("Conv2d_0a_1x1", 32),
            conv("Conv2d_0b_3x3", 48, 3),
            conv("Conv2d_0c_3x3", 64, 3),
        ],
    )


def _block_17(conv: Conv) -> Branches:
    return (
        [conv("Conv2d_1x1", 192)],
        [
            conv("Conv2d_0a_1x1", 128),
            conv("Conv2d_0b_1x7", 160, (1, 7)),
            conv("Conv2d_0c_7x1", 192, (7, 1)),
        ],
    )


def _block_8(conv: Conv) -> Branches:
    return (
        [conv("Conv2d_1x1", 192)],
        [
            conv("Conv2d_0a_1x1", 192),
            conv("Conv2d_0b_1x3", 224, (1, 3)),
            conv("Conv2d_0c_3x1", 256, (3, 1)),
        ],
    )


_GRIDS = (
    _Grid("Repeat", "block35", _block_35, 0.17),
    _Grid("Repeat_1", "block17", _block_17, 0.10),
    _Grid("Repeat_2", "block8", _block_8, 0.20),
)


def _reduction_6(conv: Conv, padding: str) -> Mixed:
    last: dict[str, Any] = {"kernel_size": 3, "strides": 2, "padding": padding}
    return Mixed(
        "Mixed_6a",
        [conv("Conv2d_1a_3x3", 384, **last)],
        [
            conv("Conv2d_0a_1x1", 256),
            conv("Conv2d_0b_3x3", 256, 3),
            conv("Conv2d_1a_3x3", 384, **last),
        ],
        [MaxPool(padding, name="MaxPool_1a_3x3")],
    )


def _reduction_7(conv: Conv, padding: str) -> Mixed:
    last: dict[str, Any] = {"kernel_size": 3, "strides": 2, "padding": padding}
    return Mixed(
        "Mixed_7a",
        [conv("Conv2d_0a_1x1", 256), conv("Conv2d_1a_3x3", 384, **last)],
        [conv("Conv2d_0a_1x1", 256), conv("Conv2d_1a_3x3", 288, **last)],
        [
            conv("Conv2d_0a_1x1", 256),
            conv("Conv2d_0b_3x3", 288, 3),
            conv("Conv2d_1a_3x3", 320, **last),
        ],
        [MaxPool(padding, name="MaxPool_1a_3x3")],
    )


build = functools.partial(inception.build, parts=parts)
