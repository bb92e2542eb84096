"""Networks: values that build a `keras.Model` for float32 pixels in [0, 255].

Each is a frozen dataclass with `build(num_classes, image_size, channels=3)`. The model
is called as `network(images, training=False, branch="clean")` and returns float32
logits; `training` and `branch` reach every batch norm in it.

All but Inception and maxout networks also take `backward=`: which derivative their
activations have in the backward pass. Networks that draw in training, for dropout or
stochastic depth, say so in `network.draws`; they also take `seed=`, and need it then.
Inception and maxout networks have `network.heads(...)` as well, which returns the
auxiliary logits too where there are some.
"""

from common.models import norms
from common.models.architectures import (
    EfficientNet,
    InceptionResNetV2,
    InceptionV3,
    InceptionV4,
    Maxout,
    ResNet,
    ResNetV2,
    WideResNet,
)

MODELS = (
    EfficientNet,
    InceptionResNetV2,
    InceptionV3,
    InceptionV4,
    Maxout,
    ResNet,
    ResNetV2,
    WideResNet,
)

__all__ = [
    "MODELS",
    "EfficientNet",
    "InceptionResNetV2",
    "InceptionV3",
    "InceptionV4",
    "Maxout",
    "ResNet",
    "ResNetV2",
    "WideResNet",
    "norms",
]
