"""Normalisation of images at a network's input, and batch norm inside it.

`BatchNorm` differs from `keras.layers.BatchNormalization` in three points. Its moving
statistics are averaged over replicas, so that every replica and the checkpoint hold the
same; Keras lets them drift apart. It has *branches*, each with its own statistics and
affine parameters, of which a call uses one. And `training` alone decides whether a call
moves the statistics: freezing the layer freezes gamma and beta only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # of pixels in [0, 1], red green blue
IMAGENET_STDDEV = (0.229, 0.224, 0.225)


def per_image(images: Any) -> Any:
    """Standardises each image by its own mean and deviation; differentiable.

    The deviation is at least 1 / sqrt(number of elements), as in
    `tf.image.per_image_standardization`.

    Args:
      images: float [B, H, W, C], any scale.

    Returns:
      float32 [B, H, W, C].
    """
    images = ops.cast(images, "float32")
    _, height, width, channels = images.shape
    mean, variance = ops.moments(images, axes=(1, 2, 3), keepdims=True)
    # Bounded below the root, so that the slope at a constant image is finite.
    variance = ops.maximum(variance, 1.0 / (height * width * channels))
    return (images - mean) * ops.rsqrt(variance)


def imagenet(images: Any) -> Any:
    """Standardises colour images by the channel statistics of ImageNet.

    Args:
      images: float [B, H, W, 3], pixels in [0, 255].

    Returns:
      float32 [B, H, W, 3].
    """
    mean, stddev = (
        ops.array(values, "float32") for values in (IMAGENET_MEAN, IMAGENET_STDDEV)
    )
    return (ops.cast(images, "float32") / 255.0 - mean) / stddev


INPUTS: dict[str, Callable[[Any], Any]] = {"imagenet": imagenet, "per_image": per_image}


class BatchNorm(keras.layers.Layer):
    """Batch normalisation over all axes but the last, with branches.

    Statistics are computed and kept in float32 whatever the compute dtype.

    Attributes:
      branches: the names that a call may choose from.
    """

    def __init__(
        self,
        momentum: float = 0.9,
        *,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        gamma_initializer: Any = "ones",
        branches: tuple[str, ...] = ("clean",),
        share_statistics: bool = False,
        share_affine: bool = False,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        """Declares the layer; variables are created by `build`.

        Args:
          momentum: share of the old moving statistics that an update keeps.
          epsilon: added to the variance.
          center: whether to learn an offset, beta.
          scale: whether to learn a factor, gamma.
          gamma_initializer: a Keras initializer.
          branches: names of the branches; the first is in no way special.
          share_statistics: all branches move and use the same moving statistics.
          share_affine: all branches use the same gamma and beta.
          synchronized: normalise by the statistics of the batch over all replicas.
          **kwargs: `name` and `dtype` of the layer.

        Raises:
          ValueError: no branch, or one named twice.
        """
        super().__init__(**kwargs)
        if not branches or len(set(branches)) != len(branches):
            raise ValueError(
                "BatchNorm needs one or more branches, each named once. "
                f"Received: branches={branches}"
            )
        self.momentum, self.epsilon = momentum, epsilon
        self.center, self.scale = center, scale
        self.gamma_initializer = gamma_initializer
        self.branches = tuple(branches)
        self.share_statistics, self.share_affine = share_statistics, share_affine
        self.synchronized = synchronized

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the float32 [C] variables of every branch."""
        shape = (input_shape[-1],)
        self._statistics = self._by_branch(
            self.share_statistics, self._new_statistics, shape
        )
        self._affine = self._by_branch(self.share_affine, self._new_affine, shape)

    def call(self, inputs: Any, training: bool = False, branch: str = "clean") -> Any:
        """Normalises by the batch (training) or by a branch's moving statistics.

        Args:
          inputs: float [B, ..., C].
          training: normalise by the batch, and move the statistics of the branch.
          branch: a Python string, fixed when a step is traced; one step may call
            several.

        Returns:
          [B, ..., C] in the compute dtype.

        Raises:
          ValueError: a branch that the layer does not have.
        """
        if branch not in self.branches:
            raise ValueError(
                f"{self.path} has the branches {', '.join(self.branches)}. "
                f"Received: branch={branch}"
            )
        inputs = ops.cast(inputs, "float32")
        mean, variance = self._statistics[branch]
        gamma, beta = self._affine[branch]
        if training:
            axes = tuple(range(len(inputs.shape) - 1))
            batch = ops.moments(inputs, axes=axes, synchronized=self.synchronized)
            self._move((mean, variance), batch)
            mean, variance = batch
        outputs = ops.batch_normalization(
            inputs,
            mean,
            variance,
            axis=-1,
            offset=beta,
            scale=gamma,
            epsilon=self.epsilon,
        )
        return ops.cast(outputs, self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> Any:
        """Returns the input's shape."""
        return input_shape

    def _move(self, moving: tuple[Any, Any], batch: tuple[Any, Any]) -> None:
        """Moves mean and variance towards those of the batch."""
        # The variance is the biased one, which normalised the batch, as in Keras. TF1's
        # fused kernel and PyTorch keep n / (n - 1) times it: less than 0.1% more when
        # n = B * H * W exceeds a thousand, as it does in the papers' networks.
        # A difference, since TensorFlow's optimizer would merge a last sum with that
        # over replicas, and round otherwise than with one replica in each process.
        for variable, value in zip(moving, batch, strict=True):
            variable.assign(variable - (variable - value) * (1.0 - self.momentum))

    def _by_branch(
        self, shared: bool, create: Callable[..., Any], shape: tuple[int | None]
    ) -> dict[str, Any]:
        if shared or len(self.branches) == 1:
            return dict.fromkeys(self.branches, create(shape, suffix=""))
        return {name: create(shape, suffix=f"_{name}") for name in self.branches}

    def _new_statistics(
        self, shape: tuple[int | None], *, suffix: str
    ) -> tuple[Any, Any]:
        def create(name: str, initializer: str) -> Any:
            return self.add_weight(
                shape=shape,
                name=name + suffix,
                initializer=initializer,
                dtype="float32",
                trainable=False,
                autocast=False,
                aggregation="mean",  # over replicas: all of them store the mean
            )

        return create("moving_mean", "zeros"), create("moving_variance", "ones")

    def _new_affine(self, shape: tuple[int | None], *, suffix: str) -> tuple[Any, Any]:
        def create(name: str, initializer: Any) -> Any:
            return self.add_weight(
                shape=shape,
                name=name + suffix,
                initializer=initializer,
                dtype="float32",
                autocast=False,
            )

        gamma = create("gamma", self.gamma_initializer) if self.scale else None
        return gamma, create("beta", "zeros") if self.center else None
