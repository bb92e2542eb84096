"""Datasets: batches of float32 images in [0, 255] and int32 labels.

Each is a frozen dataclass with `name`, `num_classes`, `image_size`, `channels`,
`num_train`, `num_test`, `train_batches`, `test_batches` and `train_slice`.
"""

from common.data.cifar import CIFAR10, CIFAR100
from common.data.digits import Digits
from common.data.imagenet import ImageNet
from common.data.mnist import MNIST

__all__ = ["CIFAR10", "CIFAR100", "MNIST", "Digits", "ImageNet"]
