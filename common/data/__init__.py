"""Datasets: batches of float32 images in [0, 255] and int32 labels.

Each is a frozen dataclass that derives from `common.data.dataset.Dataset`.
"""

from common.data.cifar import CIFAR10, CIFAR100
from common.data.digits import Digits
from common.data.imagenet import ImageNet
from common.data.mnist import MNIST

__all__ = ["CIFAR10", "CIFAR100", "MNIST", "Digits", "ImageNet"]
