"""Batch norm with branches.

`BatchNorm` differs from `keras.layers.BatchNormalization` in three points. Its moving
statistics are averaged over replicas, so that every replica and the checkpoint hold the
same; Keras lets them drift apart. It has *branches*, each with its own statistics and
affine parameters: mixture batch norm (Xie and Yuille, 2020). And `training` alone
decides whether a call moves the statistics: freezing the layer freezes gamma and beta
only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from common import backend
from common.models import norms, plain

Branch = str | tuple[tuple[str, int], ...]
"""A branch, or the parts of a batch: name and number of images, in their order."""


class BatchNorm(plain.Inner):
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
        norms.check_branches(branches)
        self.momentum, self.epsilon = momentum, epsilon
        self.scale = scale
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

    def call(self, inputs: Any, training: Any = False, branch: Branch = "clean") -> Any:
        """Normalises by the batch (training) or by the moving statistics.

        Args:
          inputs: float [B, ..., C].
          training: normalise by the batch, and move the statistics of the branch: a
            bool, or a bool scalar tensor where that is decided at run time.
          branch: a name, or the parts of the batch, each a name and a number of
            images. It is fixed when a step is traced; a step may call several. The
            statistics of a branch are those of its own part, or of the whole batch
            where the branches share statistics.

        Returns:
          [B, ..., C] in the compute dtype.

        Raises:
          ValueError: a branch that the layer does not have, or parts that are not the
            whole batch.
        """
        names, pieces = self._pieces(inputs, branch)
        shared = None
        if len(pieces) > 1 and self.share_statistics:
            shared = self._mean_and_variance(inputs, names[0], training)
        outputs = [
            self._normalized(piece, name, training, shared)
            for name, piece in zip(names, pieces, strict=True)
        ]
        return ops.concatenate(outputs) if len(outputs) > 1 else outputs[0]

    def of_keras(
        self, inputs: Any, training: Any = False, branch: str = "clean"
    ) -> Any:
        """Returns the outputs of a layer of Keras with the numbers of the branch."""
        del training
        layer = keras.layers.BatchNormalization(
            momentum=self.momentum,
            epsilon=self.epsilon,
            scale=self.scale,
            name=self.name,
        )
        outputs = layer(inputs)
        variables = (*self._affine[branch], *self._statistics[branch])
        layer.set_weights([v.numpy() for v in variables if v is not None])
        return outputs

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> Any:
        """Returns the input's shape."""
        return input_shape

    def _pieces(self, inputs: Any, branch: Branch) -> tuple[list[str], list[Any]]:
        """Returns the branches of the parts of a batch, and the parts."""
        if isinstance(branch, str):
            names, sizes = [branch], [inputs.shape[0]]
        else:
            names, sizes = [name for name, _ in branch], [size for _, size in branch]
        unknown = [name for name in names if name not in self.branches]
        if unknown:
            raise ValueError(
                f"{self.path} has the branches {', '.join(self.branches)}. "
                f"Received: branch={unknown[0]}"
            )
        if len(names) == 1 or self._has_one(self.share_statistics, self.share_affine):
            return names[:1], [inputs]
        if sum(sizes) != inputs.shape[0]:
            raise ValueError(
                f"The parts of a batch must be all of its {inputs.shape[0]} images. "
                f"Received: branch={branch}"
            )
        return names, ops.split(inputs, np.cumsum(sizes)[:-1].tolist())

    def _has_one(self, *shared: bool) -> bool:
        """Whether there is one branch, or all of them share these."""
        return len(self.branches) == 1 or all(shared)

    def _normalized(
        self, inputs: Any, branch: str, training: Any, statistics: Any
    ) -> Any:
        """Returns the inputs, normalised by their own statistics or by given ones."""
        affine = self._affine[branch]
        if training is True and not (statistics or self.synchronized):
            outputs, batch = backend.batch_normalized(inputs, affine, self.epsilon)
            self._move(self._statistics[branch], batch, 1.0 - self.momentum)
            return outputs
        statistics = statistics or self._mean_and_variance(inputs, branch, training)
        return backend.normalized(inputs, statistics, affine, self.epsilon)

    def _mean_and_variance(self, inputs: Any, branch: str, training: Any) -> Any:
        """Returns what normalises the inputs; in training, moves the statistics."""
        moving = self._statistics[branch]
        if training is False:
            return moving
        axes = tuple(range(len(inputs.shape) - 1))
        exact = ops.cast(inputs, "float32")
        batch = backend.moments(exact, axes, synchronized=self.synchronized)
        if training is True:
            self._move(moving, batch, 1.0 - self.momentum)
            return batch
        moved = ops.cast(training, "float32") * (1.0 - self.momentum)
        self._move(moving, batch, moved)
        return tuple(
            ops.where(training, value, ops.convert_to_tensor(variable))
            for value, variable in zip(batch, moving, strict=True)
        )

    def _move(self, moving: tuple[Any, Any], batch: tuple[Any, Any], by: Any) -> None:
        """Moves mean and variance by a share of the way to those of the batch."""
        # The variance is the biased one, which normalised the batch, as in Keras. TF1's
        # fused kernel and PyTorch keep n / (n - 1) times it: less than 0.1% more when
        # n = B * H * W exceeds a thousand, as it does in the papers' networks, but for
        # the auxiliary head of Inception, where n = B: 3 % at the 32 images of a
        # replica.
        # A difference, since TensorFlow's optimizer would merge a last sum with that
        # over replicas, and round otherwise than with one replica in each process.
        for variable, value in zip(moving, batch, strict=True):
            variable.assign(variable - (variable - value) * by)

    def _by_branch(
        self, shared: bool, create: Callable[..., Any], shape: tuple[int | None]
    ) -> dict[str, Any]:
        if self._has_one(shared):
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
        return gamma, create("beta", "zeros")
