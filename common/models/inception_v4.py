"""Inception v4, as TF-Slim has it.

On images of 299 pixels the stem leaves a grid of 35x35, on which there are four blocks
A; there are seven blocks B on the grid of 17x17 and three C on that of 8x8. Logits and
auxiliary logits are fully connected: Logits/Logits/dense/kernel is a matrix, and so is
AuxLogits/Aux_logits/dense/kernel.

Source: Szegedy 2016; the code of TF-Slim.
"""

from __future__ import annotations

import functools
from typing import Any

from keras.initializers import GlorotUniform

from common.models import inception, inception_cells
from common.models.architectures import InceptionV4
from common.models.inception_cells import AveragePool, Conv, MaxPool, Mixed


def parts(config: InceptionV4, num_classes: int, *, large: bool) -> inception.Parts:
    """Returns new layers for a network of `num_classes` logits."""
    padding = "valid" if large else "same"
    new_conv = inception.conv(config)
    grids = inception.grids(config, ((_block_a,), (_block_b,), (_block_c,)))

    def classifier(name: str) -> inception_cells.Classifier:
        # Slim's default for what is fully connected; only convolutions get another.
        return inception_cells.Classifier(
            name, num_classes, dense=True, initializer=GlorotUniform()
        )

    return inception.Parts(
        trunk=[
            *(_stem(new_conv) if large else inception.small_stem(config)),
            *grids[0],
            _reduction_a(new_conv, padding),
            *grids[1],
        ],
        top=[_reduction_b(new_conv, padding), *grids[2]],
        logits=inception_cells.Chain("Logits", classifier("Logits")),
        auxiliary=inception_cells.AuxiliaryLogits(
            new_conv, classifier("Aux_logits"), whole="Conv2d_2a"
        ),
    )


def _stem(conv: Conv) -> list[Any]:
    halved: dict[str, Any] = {"kernel_size": 3, "strides": 2, "padding": "valid"}
    cut: dict[str, Any] = {"kernel_size": 3, "padding": "valid"}
    return [
        conv("Conv2d_1a_3x3", 32, **halved),
        conv("Conv2d_2a_3x3", 32, **cut),
        conv("Conv2d_2b_3x3", 64, 3),
        Mixed(
            "Mixed_3a",
            [MaxPool("valid", name="MaxPool_0a_3x3")],
            [conv("Conv2d_0a_3x3", 96, **halved)],
        ),
        Mixed(
            "Mixed_4a",
            [conv("Conv2d_0a_1x1", 64), conv("Conv2d_1a_3x3", 96, **cut)],
            [
                conv("Conv2d_0a_1x1", 64),
                conv("Conv2d_0b_1x7", 64, (1, 7)),
                conv("Conv2d_0c_7x1", 64, (7, 1)),
                conv("Conv2d_1a_3x3", 96, **cut),
            ],
        ),
        Mixed(
            "Mixed_5a",
            [conv("Conv2d_1a_3x3", 192, **halved)],
            [MaxPool("valid", name="MaxPool_1a_3x3")],
        ),
    ]


def _block_a(conv: Conv, name: str) -> Mixed:
    return Mixed(
        name,
        [conv("Conv2d_0a_1x1", 96)],
        [conv("Conv2d_0a_1x1", 64), conv("Conv2d_0b_3x3", 96, 3)],
        [
            conv("Conv2d_0a_1x1", 64),
            conv("Conv2d_0b_3x3", 96, 3),
            conv("Conv2d_0c_3x3", 96, 3),
        ],
        [AveragePool(), conv("Conv2d_0b_1x1", 96)],
    )


def _reduction_a(conv: Conv, padding: str) -> Mixed:
    last: dict[str, Any] = {"kernel_size": 3, "strides": 2, "padding": padding}
    return Mixed(
        "Mixed_6a",
        [conv("Conv2d_1a_3x3", 384, **last)],
        [
            conv("Conv2d_0a_1x1", 192),
            conv("Conv2d_0b_3x3", 224, 3),
            conv("Conv2d_1a_3x3", 256, **last),
        ],
        [MaxPool(padding, name="MaxPool_1a_3x3")],
    )


def _block_b(conv: Conv, name: str) -> Mixed:
    return Mixed(
        name,
        [conv("Conv2d_0a_1x1", 384)],
        [
            conv("Conv2d_0a_1x1", 192),
            conv("Conv2d_0b_1x7", 224, (1, 7)),
            conv("Conv2d_0c_7x1", 256, (7, 1)),
        ],
        [
            conv("Conv2d_0a_1x1", 192),
            conv("Conv2d_0b_7x1", 192, (7, 1)),
            conv("Conv2d_0c_1x7", 224, (1, 7)),
            conv("Conv2d_0d_7x1", 224, (7, 1)),
            conv("Conv2d_0e_1x7", 256, (1, 7)),
        ],
        [AveragePool(), conv("Conv2d_0b_1x1", 128)],
    )


def _reduction_b(conv: Conv, padding: str) -> Mixed:
    last: dict[str, Any] = {"kernel_size": 3, "strides": 2, "padding": padding}
    return Mixed(
        "Mixed_7a",
        [conv("Conv2d_0a_1x1", 192), conv("Conv2d_1a_3x3", 192, **last)],
        [
            conv("Conv2d_0a_1x1", 256),
            conv("Conv2d_0b_1x7", 256, (1, 7)),
            conv("Conv2d_0c_7x1", 320, (7, 1)),
            conv("Conv2d_1a_3x3", 320, **last),
        ],
        [MaxPool(padding, name="MaxPool_1a_3x3")],
    )


def _block_c(conv: Conv, name: str) -> Mixed:
    return Mixed(
        name,
        [conv("Conv2d_0a_1x1", 256)],
        [
            conv("Conv2d_0a_1x1", 384),
            [
                conv("Conv2d_0b_1x3", 256, (1, 3)),
                conv("Conv2d_0c_3x1", 256, (3, 1)),
            ],
        ],
        [
            conv("Conv2d_0a_1x1", 384),
            conv("Conv2d_0b_3x1", 448, (3, 1)),
            conv("Conv2d_0c_1x3", 512, (1, 3)),
            [
                conv("Conv2d_0d_1x3", 256, (1, 3)),
                conv("Conv2d_0e_3x1", 256, (3, 1)),
            ],
        ],
        [AveragePool(), conv("Conv2d_0b_1x1", 256)],
    )


build = functools.partial(inception.build, parts=parts)
