"""Square attack (Andriushchenko et al., 2020): random squares, no gradient."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np

from common import backend
from common.attacks import attack, checks, losses, starts
from common.lazy import ops

SHARE = 0.8  # of the pixels of an image, in the first squares
# Queries after which the share halves, of `SCHEDULED` (Croce and Hein, 2020).
HALVED_AFTER = (10, 50, 200, 500, 1000, 2000, 4000)
SCHEDULED = 5000
_BLOCK = 100  # queries whose numbers are drawn at once
_STREAM = -6  # of the seed


class State(NamedTuple):
    """How far the attack on each image has come.

    Attributes:
      images: float32 [B, H, W, C], the best so far.
      margin: float32 [B], of their logits: positive where misclassified.
      asked: int32 [B], queries behind each.
    """

    images: Any
    margin: Any
    asked: Any


@dataclasses.dataclass(frozen=True)
class Square(attack.InBall):
    """Squares of one colour are tried, and kept where they raise the margin.

    The attack starts at vertical stripes: each column of each channel up or down by
    epsilon. A query puts a square somewhere into the image: inside of it each channel
    is up or down by epsilon from the clean image. The image that has the larger margin
    stays. The squares shrink: the first ones have a share of 0.8 of the area, which is
    halved after 10, 50, 200, 500, 1000, 2000 and 4000 of 5000 queries. With another
    number of queries these places move in proportion.

    Differs: place and signs of a square are drawn for each image, where the authors'
    code draws them once for a batch, and a square may lie in every place, where that
    code never reaches the last row and column. Two equal largest logits do not end the
    attack on an image. An image whose logits are not finite is kept, so that an
    evaluation sees and refuses it.

    Attributes:
      epsilon: radius in pixels of 255: a number, or float32 [B] or [B, 1, 1, 1].
      num_queries: squares tried, each in one forward pass.

    Raises:
      ValueError: a value out of range, when the attack is built.
    """

    num_queries: int = SCHEDULED

    @property
    def rounds(self) -> attack.Rounds:
        """One restart without gradients, cut as `attack.CHUNK` says."""
        is_cut = self.num_queries % attack.CHUNK == 0
        chunks = self.num_queries // attack.CHUNK if is_cut else 1
        return attack.Rounds(self.num_queries, chunks, gradients=0, forwards=1, asked=1)

    def start(self, problem: attack.Problem) -> State:
        """Returns vertical stripes, and what the network says to them."""
        images, epsilon = problem.images, checks.per_image(self.epsilon)
        stripes = starts.stripes(images, epsilon, problem.seed)
        images = ops.stop_gradient(self.project(images)(images + stripes))
        margin = _margin(problem, images)
        return State(images, margin, ops.zeros_like(margin, "int32"))

    def proceed(
        self, problem: attack.Problem, state: State, climbed: Any, num_steps: Any
    ) -> State:
        """Returns the state some queries further on."""
        images, epsilon = problem.images, checks.per_image(self.epsilon)
        project = self.project(images)
        ends = [
            ops.stop_gradient(project(end))
            for end in (images - epsilon, images + epsilon)
        ]

        def block(left: Any, state: State) -> tuple[Any, State]:
            drawn = self._drawn(problem, state.asked // _BLOCK)

            def query(_: Any, state: State) -> State:
                return self._query(problem, state, ends, drawn)

            until_next = _BLOCK - ops.max(state.asked % _BLOCK)
            count = ops.minimum(left, until_next)
            return left - count, ops.fori_loop(0, count, query, state)

        left = ops.convert_to_tensor(num_steps, "int32")
        _, state = ops.while_loop(lambda left, _: left > 0, block, (left, state))
        return state

    def judged(self, state: State) -> Any:
        """Returns the best images."""
        return state.images

    def blank(self, images: Any) -> State:
        """Returns arrays of the form of a state."""
        count = len(images)
        return State(images, np.zeros(count, np.float32), np.zeros(count, np.int32))

    def _check(self) -> None:
        super()._check()
        checks.check_count("num_queries", self.num_queries)

    def _drawn(self, problem: attack.Problem, block: Any) -> Any:
        """Returns the numbers of a block of queries [B, _BLOCK, 2 + C], in [0, 1)."""
        shape = (problem.images.shape[0], _BLOCK, 2 + problem.images.shape[-1])
        seed = backend.fold(problem.seed, _STREAM, block)
        return backend.uniform(shape, seed, keys=backend.example_keys(problem.images))

    def _query(
        self, problem: attack.Problem, state: State, ends: Any, drawn: Any
    ) -> State:
        """Returns the state after one query.

        Args:
          problem: that of `start`.
          state: before the query.
          ends: of each pixel, the lowest and the highest value.
          drawn: the numbers of the block.
        """
        place = ops.reshape(state.asked % _BLOCK, (-1, 1, 1))
        draws = ops.take_along_axis(drawn, place, axis=1)
        inside = self._square(problem.images.shape, state.asked, draws[:, 0, :2])
        colour = ops.where(draws[:, :, None, 2:] < 0.5, *ends)
        images = ops.where(inside, colour, state.images)
        margin = _margin(problem, images)
        is_better = (margin > state.margin) | ops.isnan(margin)
        return State(
            attack.select(is_better, images, state.images),
            ops.where(is_better, margin, state.margin),
            state.asked + 1,
        )

    def _square(self, shape: Any, asked: Any, draws: Any) -> Any:
        """Returns bool [B, H, W, 1]: where the squares lie.

        Args:
          shape: [B, H, W, C] of the images.
          asked: int32 [B], queries behind each image.
          draws: float32 [B, 2] in [0, 1): where the upper left corners lie.
        """
        side = self._side(shape, asked)
        along = []
        for size, draw in zip(shape[1:3], (draws[:, :1], draws[:, 1:]), strict=True):
            first = ops.floor(draw * (size - side + 1.0))
            places = ops.arange(size, dtype="float32")
            along.append((places >= first) & (places < first + side))
        rows, columns = along
        return (rows[:, :, None] & columns[:, None, :])[..., None]

    def _side(self, shape: Any, asked: Any) -> Any:
        """Returns float32 [B, 1]: the sides of squares, in pixels."""
        height, width = shape[1:3]
        areas = [SHARE / 2**n * height * width for n in range(len(HALVED_AFTER) + 1)]
        sides = [float(max(round(math.sqrt(area)), 1)) for area in areas]
        sides = [min(side, height, width) for side in sides]
        ends = [n * self.num_queries / SCHEDULED for n in HALVED_AFTER]
        passed = ops.cast(asked, "float32")[:, None] > ops.convert_to_tensor(ends)
        halvings = ops.sum(ops.cast(passed, "int32"), axis=-1)
        return ops.take(ops.convert_to_tensor(sides), halvings)[:, None]


def _margin(problem: attack.Problem, images: Any) -> Any:
    """Returns float32 [B], positive where misclassified; NaN without finite logits."""
    logits = problem.logits_fn(images)
    is_known = ops.all(ops.isfinite(logits), axis=-1)
    return ops.where(is_known, losses.margin(problem.labels, logits), float("nan"))
