"""Networks as recipes hold them: values, which are compared and written without Keras.

An architecture says of what a network consists. The module that it names has the
layers, and is loaded when a network is built.
"""

from __future__ import annotations

import dataclasses
import math
import string
from typing import Any, ClassVar, NamedTuple, Self

from common import lazy
from common.lazy import keras
from common.models import activations, normalization, norms
from common.names import lookup

DEPTHS = {  # of a `ResNet`: the number of blocks in each stage
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
    200: (3, 24, 36, 3),
    338: (3, 42, 64, 3),  # not stated; ours, like those below
    518: (3, 66, 100, 3),
    638: (3, 82, 124, 3),
}
LETTERS = string.ascii_lowercase[1:]  # of Inception's blocks; "a" is the reduction
_DIVISOR = 8  # of all numbers of filters of an `EfficientNet`


class Size(NamedTuple):
    """A published size; `image_size` is what its network is meant for, in pixels."""

    width: float
    depth: float
    image_size: int
    dropout: float


SIZES = {  # of an `EfficientNet`
    "b0": Size(1.0, 1.0, 224, 0.2),
    "b1": Size(1.0, 1.1, 240, 0.2),
    "b2": Size(1.1, 1.2, 260, 0.3),
    "b3": Size(1.2, 1.4, 300, 0.3),
    "b4": Size(1.4, 1.8, 380, 0.4),
    "b5": Size(1.6, 2.2, 456, 0.4),
    "b6": Size(1.8, 2.6, 528, 0.5),
    "b7": Size(2.0, 3.1, 600, 0.5),
    "l1": Size(3.9, 3.7, 600, 0.5),
}


class Architecture:
    """What networks of all kinds have in common.

    Attributes:
      module: of `common.models`, with a function `build` that makes the layers.
    """

    module: ClassVar[str]

    def build(
        self, num_classes: int, image_size: int, channels: int = 3
    ) -> keras.Model:
        """Returns the network with its weights created.

        Args:
          num_classes: number of logits.
          image_size: height and width of the images.
          channels: channels of the images.

        Raises:
          ValueError: the architecture is not for such images.
        """
        made = lazy.module(f"common.models.{self.module}")
        return made.build(self, num_classes, image_size, channels)

    def _check(self, *rules: tuple[str, bool, str]) -> None:
        """Refuses a value of which a field breaks its rule.

        Args:
          *rules: the name of a field, whether it keeps its rule, and the rule in words.

        Raises:
          ValueError: names the first field that does not, its rule and its value.
        """
        for field, kept, rule in rules:
            if not kept:
                raise ValueError(
                    f"{type(self).__name__}.{field} must be {rule}. "
                    f"Received: {field}={getattr(self, field)}"
                )


@dataclasses.dataclass(frozen=True)
class WideResNet(Architecture):
    """A wide residual network with leaky ReLU, as the Free paper's code has it.

    Attributes:
      depth: 6n + 2 for n units per stage, or 6n + 4, the same network in the
        counting that includes the shortcuts' convolutions, which it does not have:
        32-10 here is 34-10 in RobustBench.
      width: factor of the stages' widths 16, 32 and 64.
      activation: a name in `common.models.activations`.
      stem_stride: 1 as in the paper; 2 halves the images for small scales.
      norm: its normaliser, a part of `common.models.norms`.
    """

    module = "wide_resnet"

    depth: int = 32
    width: int = 10
    activation: str = "leaky_relu"
    stem_stride: int = 1
    norm: Any = norms.DEFAULT

    def __post_init__(self) -> None:
        if self.depth < 8 or self.depth % 6 not in (2, 4):
            raise ValueError(
                "WideResNet.depth must be 6n + 2 or 6n + 4 for n >= 1 units per "
                f"stage. Received: depth={self.depth}"
            )
        self._check(
            ("width", self.width >= 1, "at least 1"),
            ("stem_stride", self.stem_stride >= 1, "at least 1"),
        )
        activations.check(self.activation)


@dataclasses.dataclass(frozen=True)
class ResNet(Architecture):
    """A residual network, version 1.5.

    From images of 64 pixels on the stem is a 7x7 convolution of stride 2 and a max pool
    of stride 2, else a 3x3 convolution of stride 1.

    Attributes:
      depth: 18, 34, 50, 101, 152, 200, 338, 518 or 638.
      groups: of the 3x3 convolution of a bottleneck block; 32 in ResNeXt.
      group_width: channels of a group in the first stage: 64 in ResNet, 4 in
        ResNeXt-32x4d, 8 in ResNeXt-32x8d.
      activation: a name in `common.models.activations`.
      normalization: of the images, a name in `common.models.normalization.INPUTS`;
        `imagenet` is for 3 channels.
      zero_gamma: start the last factor of every block at 0, so that blocks start as
        identities.
      classifier_stddev: standard deviation of the classifier's initial weights, which
        are normal around biases of 0; at 0, all are uniform as in PyTorch.
      denoise: `gaussian` puts a block of feature denoising after the last block
        of every stage.
      norm: its normaliser, a part of `common.models.norms`.
    """

    module = "resnet"

    depth: int = 50
    groups: int = 1
    group_width: int = 64
    activation: str = "relu"
    normalization: str = "imagenet"
    zero_gamma: bool = False
    classifier_stddev: float = 0.0
    denoise: str = ""
    norm: Any = norms.DEFAULT

    def __post_init__(self) -> None:
        if self.depth not in DEPTHS:
            raise ValueError(
                f"ResNet.depth must be one of {', '.join(map(str, DEPTHS))}. "
                f"Received: depth={self.depth}"
            )
        self._check_groups()
        activations.check(self.activation)
        lookup(normalization.INPUTS, self.normalization, "normalization")
        if self.denoise:
            lookup({"gaussian": None}, self.denoise, "denoise")
        stddev = self.classifier_stddev
        self._check(("classifier_stddev", stddev >= 0, "at least 0"))

    @property
    def blocks(self) -> tuple[int, ...]:
        """The number of blocks in each stage."""
        return DEPTHS[self.depth]

    @property
    def has_bottlenecks(self) -> bool:
        """Whether a block has three convolutions, the middle one narrow, not two."""
        return self.depth >= 50

    def _check_groups(self) -> None:
        size = (self.groups, self.group_width)
        if min(size) < 1 or (size != (1, 64) and not self.has_bottlenecks):
            raise ValueError(
                "ResNet.groups and group_width must be positive, and 1 and 64 below "
                f"depth 50. Received: groups={self.groups}, "
                f"group_width={self.group_width}, depth={self.depth}"
            )


@dataclasses.dataclass(frozen=True)
class ResNetV2(Architecture):
    """A residual network of version 2, with the normaliser at the start of its blocks.

    Attributes:
      depth: 50, 101, 152 or 200.
      activation: a name in `common.models.activations`.
      normalization: of the images, as for `ResNet`.
      norm: the same.
    """

    module = "resnet_v2"

    depth: int = 50
    activation: str = "relu"
    normalization: str = "symmetric"
    norm: Any = norms.DEFAULT

    def __post_init__(self) -> None:
        known = self.depth in (50, 101, 152, 200)
        self._check(("depth", known, "50, 101, 152 or 200"))
        activations.check(self.activation)
        lookup(normalization.INPUTS, self.normalization, "normalization")


@dataclasses.dataclass(frozen=True)
class EfficientNet(Architecture):
    """An EfficientNet of any size; as it stands, B0.

    For images above 64 pixels the stem has stride 2, else 1.

    Attributes:
      width: factor of the filters of every convolution.
      depth: factor of the number of blocks of every stage.
      activation: a name in `common.models.activations`.
      dropout: share of the pooled features that training sets to 0.
      survival: in training, block b of n, counted from 0, keeps its residual path with
        probability 1 - (1 - survival) * b / n.
      normalization: of the images, a name in `common.models.normalization.INPUTS`;
        `imagenet` is for 3 channels.
      momentum: share of the old moving statistics that an update of batch norm keeps.
      epsilon: of batch norm, added to the variance.
      norm: its normaliser, a part of `common.models.norms`.
    """

    module = "efficientnet"

    width: float = 1.0
    depth: float = 1.0
    activation: str = "silu"
    dropout: float = 0.2
    survival: float = 0.8
    normalization: str = "symmetric"
    momentum: float = 0.99
    epsilon: float = 1e-3
    norm: Any = norms.DEFAULT

    def __post_init__(self) -> None:
        self._check(
            ("width", self.width > 0, "above 0"),
            ("depth", self.depth > 0, "above 0"),
            ("dropout", 0 <= self.dropout < 1, "at least 0 and below 1"),
            ("survival", 0 < self.survival <= 1, "above 0 and at most 1"),
            ("momentum", 0 <= self.momentum < 1, "at least 0 and below 1"),
            ("epsilon", self.epsilon > 0, "above 0"),
        )
        activations.check(self.activation)
        lookup(normalization.INPUTS, self.normalization, "normalization")

    @classmethod
    def named(cls, name: str, **changes: Any) -> Self:
        """Returns a published size, `b0` to `b7` or `l1`, with fields changed.

        Raises:
          ValueError: unknown name, or what the fields refuse.
        """
        width, depth, _, dropout = lookup(SIZES, name, "EfficientNet")
        return cls(**{"width": width, "depth": depth, "dropout": dropout, **changes})

    def filters(self, base: int) -> int:
        """Returns the filters of a convolution that has `base` of them at width 1.

        They are a multiple of 8, the nearest unless that takes more than 10 % away.
        """
        exact = base * self.width
        rounded = max(_DIVISOR, int(exact + _DIVISOR / 2) // _DIVISOR * _DIVISOR)
        return rounded if rounded >= 0.9 * exact else rounded + _DIVISOR

    def repeats(self, base: int) -> int:
        """Returns the blocks of a stage that has `base` of them at depth 1."""
        return math.ceil(base * self.depth)


@dataclasses.dataclass(frozen=True)
class Inception(Architecture):
    """An Inception network of any version.

    Below 75 pixels it has the small form.

    Attributes:
      width: factor of the filters of every convolution but those of the logits; none
        gets fewer than 16.
      blocks: number of blocks on each of the three grids. Fewer than slim's are its
        first ones; those beyond repeat its last one.
      activation: a name in `common.models.activations`.
      dropout: share of the pooled features that training sets to 0.
      auxiliary: whether there is an auxiliary head, on the middle grid's last block.
      momentum: of the moving statistics of batch norm.
      stem_stride: of the small form's stem.
      synchronized: batch norm uses the statistics of all replicas together.
    """

    width: float = 1.0
    blocks: tuple[int, int, int] = (1, 1, 1)
    activation: str = "relu"
    dropout: float = 0.2
    auxiliary: bool = True
    momentum: float = 0.9997
    stem_stride: int = 1
    synchronized: bool = False

    def __post_init__(self) -> None:
        most = len(LETTERS)
        counted = len(self.blocks) == 3 and all(1 <= n <= most for n in self.blocks)
        self._check(
            ("width", self.width > 0, "above 0"),
            ("blocks", counted, f"three numbers from 1 to {most}"),
            ("dropout", 0 <= self.dropout < 1, "at least 0 and below 1"),
            ("momentum", 0 <= self.momentum < 1, "at least 0 and below 1"),
            ("stem_stride", self.stem_stride >= 1, "at least 1"),
        )
        learned = self.activation in activations.LEARNED
        self._check(("activation", not learned, "one without a parameter to learn"))
        activations.get(self.activation)


@dataclasses.dataclass(frozen=True)
class InceptionResNetV2(Inception):
    """Inception ResNet v2; the fields are those of `Inception`.

    `blocks` counts the residual blocks that have an activation.
    """

    module = "inception_resnet_v2"

    blocks: tuple[int, int, int] = (10, 20, 9)


@dataclasses.dataclass(frozen=True)
class InceptionV3(Inception):
    """Inception v3; the fields are those of `Inception`."""

    module = "inception_v3"

    blocks: tuple[int, int, int] = (3, 4, 2)


@dataclasses.dataclass(frozen=True)
class InceptionV4(Inception):
    """Inception v4; the fields are those of `Inception`."""

    module = "inception_v4"

    blocks: tuple[int, int, int] = (4, 7, 3)


@dataclasses.dataclass(frozen=True)
class Maxout(Architecture):
    """A maxout network with two hidden layers.

    Attributes:
      units: of each hidden layer.
      pieces: linear functions of which a unit is the largest.
      input_dropout: share of the pixels that training sets to 0.
      dropout: the same share of the hidden units.
      max_norm: bound of the norm of the weights that come into a piece or a logit.
    """

    module = "maxout"

    units: int = 240
    pieces: int = 5
    input_dropout: float = 0.2
    dropout: float = 0.5
    max_norm: float = 1.9365

    def __post_init__(self) -> None:
        share = "at least 0 and below 1"
        self._check(
            ("units", self.units >= 1, "at least 1"),
            ("pieces", self.pieces >= 1, "at least 1"),
            ("input_dropout", 0 <= self.input_dropout < 1, share),
            ("dropout", 0 <= self.dropout < 1, share),
            ("max_norm", self.max_norm > 0, "above 0"),
        )
