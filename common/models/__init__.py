"""Networks: values that build a `keras.Model` for float32 pixels in [0, 255].

Each is a frozen dataclass with `build(num_classes, image_size, channels=3)`. The model
is called as `network(images, training=False, branch="clean")` and returns float32
logits; `training` and `branch` reach every batch norm in it.
"""

from common.models.resnet import ResNet
from common.models.wide_resnet import WideResNet

MODELS = (ResNet, WideResNet)

__all__ = ["MODELS", "ResNet", "WideResNet"]
