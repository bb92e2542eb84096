"""Networks: values that build a `keras.Model` for float32 pixels in [0, 255].

Each is a frozen dataclass with `build(num_classes, image_size, channels=3)`. The model
is called as `network(images, training=False, branch="clean")` and returns float32
logits; `training` and `branch` reach every batch norm in it.

The Inception networks have two more: `seed=`, which their dropout needs in training,
and `network.heads(...)`, which returns the auxiliary logits as well.
"""

from common.models import norms
from common.models.inception_v3 import InceptionV3
from common.models.inception_v4 import InceptionV4
from common.models.resnet import ResNet
from common.models.wide_resnet import WideResNet

MODELS = (InceptionV3, InceptionV4, ResNet, WideResNet)

__all__ = ["MODELS", "InceptionV3", "InceptionV4", "ResNet", "WideResNet", "norms"]
