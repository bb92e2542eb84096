"""A wide residual network of the suite as a PyTorch module with the same weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional

from benchmarks import trained
from common.models import wide_resnet

TOLERANCE = 1e-3  # of the logits


class Network(torch.nn.Module):
    """Images [B, C, H, W] in [0, 1] -> logits [B, K], in training or inference mode.

    Each line stands for one of `common.models.wide_resnet`; leaky ReLU only.

    Attributes:
      weights: path of the variable, without the network's name -> parameter.
      statistics: the same of batch norm's moving statistics, as tensors.
    """

    def __init__(self, network: wide_resnet.Network) -> None:
        """Copies the weights.

        Args:
          network: built.
        """
        super().__init__()
        self.units = network.units
        self.stem_stride = network.stem.strides[0]
        self.epsilon = network.head.norm.epsilon
        self.momentum = 1.0 - network.head.norm.momentum  # the new value's share
        self.weights = torch.nn.ParameterDict(_tensors(network.trainable_variables))
        self.statistics = _tensors(network.non_trainable_variables)

    def forward(self, images: Any) -> Any:
        """Returns the logits."""
        features = self._conv(_standardised(255.0 * images), "stem", self.stem_stride)
        for unit in self.units:
            features = self._unit(features, unit)
        pooled = self._norm_act(features, "head").mean(dim=(2, 3))
        kernel = self.weights["classifier/kernel"]
        return pooled @ kernel + self.weights["classifier/bias"]

    def _unit(self, inputs: Any, unit: wide_resnet.Unit) -> Any:
        name = unit.name
        activated = self._norm_act(inputs, f"{name}/norm_act1")
        residual = self._conv(activated, f"{name}/conv1", unit.strides)
        residual = self._norm_act(residual, f"{name}/norm_act2")
        residual = self._conv(residual, f"{name}/conv2", 1)
        shortcut = activated if unit.first else inputs
        if unit.strides > 1:
            shortcut = functional.avg_pool2d(shortcut, unit.strides)
        new = unit.filters - shortcut.shape[1]
        padding = (0, 0, 0, 0, new // 2, new - new // 2)
        return residual + functional.pad(shortcut, padding)

    def _conv(self, inputs: Any, name: str, strides: int) -> Any:
        # TensorFlow's "same" on even sizes: what is odd goes to the right and below.
        padding = (1, 1, 1, 1) if strides == 1 else (0, 1, 0, 1)
        kernel = self.weights[f"{name}/kernel"]
        return functional.conv2d(functional.pad(inputs, padding), kernel, None, strides)

    def _norm_act(self, inputs: Any, name: str) -> Any:
        outputs = functional.batch_norm(
            inputs,
            self.statistics[f"{name}/norm/moving_mean"],
            self.statistics[f"{name}/norm/moving_variance"],
            self.weights[f"{name}/norm/gamma"],
            self.weights[f"{name}/norm/beta"],
            training=self.training,
            momentum=self.momentum,
            eps=self.epsilon,
        )
        return functional.leaky_relu(outputs, 0.1)


def checked(found: trained.Trained, layout: Any) -> Network:
    """Returns a copy of a trained network, in inference mode.

    Args:
      found: the network and its images.
      layout: how kernels lie in memory, a memory format of PyTorch.

    Raises:
      ValueError: the copy answers differently.
    """
    network = Network(found.network).eval().requires_grad_(False)
    images, labels = found.images[:100], found.labels[:100]
    with torch.no_grad():
        logits = network(inputs(images, labels)[0]).numpy()
    difference = float(np.abs(logits - np.asarray(found.logits_fn(images))).max())
    if difference > TOLERANCE:
        raise ValueError(
            f"The PyTorch copy must give the logits to {TOLERANCE:g}. "
            f"Received: difference={difference:g}"
        )
    return network.to(memory_format=layout)


def inputs(images: Any, labels: Any) -> tuple[Any, Any]:
    """Returns images [B, C, H, W] in [0, 1] and int64 labels.

    Args:
      images: float32 [B, H, W, C] in [0, 255], an array.
      labels: integers [B].
    """
    channels_first = np.ascontiguousarray(images.transpose(0, 3, 1, 2) / 255)
    return torch.tensor(channels_first), torch.tensor(labels, dtype=torch.int64)


def _standardised(images: Any) -> Any:
    variance, mean = torch.var_mean(images, dim=(1, 2, 3), correction=0, keepdim=True)
    smallest = 1.0 / images[0].numel()
    return (images - mean) * torch.rsqrt(variance.clamp_min(smallest))


def _tensors(variables: Any) -> dict[str, Any]:
    """Returns the path of each variable in its network -> a copy as a tensor."""
    return {
        variable.path.partition("/")[2]: _in_torch_order(variable.numpy())
        for variable in variables
    }


def _in_torch_order(array: Any) -> Any:
    """Returns the kernel of a convolution [H, W, I, O] as [O, I, H, W]."""
    tensor = torch.tensor(array)
    return tensor.permute(3, 2, 0, 1).contiguous() if array.ndim == 4 else tensor
