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
            squares = self._squares(problem, state.asked // _BLOCK)

            def query(_: Any, state: State) -> State:
                return self._query(problem, state, ends, squares)

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

    def _squares(self, problem: attack.Problem, block: Any) -> Any:
        """Returns the squares of a block of queries: bool [B * _BLOCK, H + W + C].

        They say in which rows and columns a square lies, and which channels it lowers.
        """
        count, *size, channels = problem.images.shape
        seed = backend.fold(problem.seed, _STREAM, block)
        keys = backend.example_keys(problem.images)
        draws = backend.uniform((count, _BLOCK, 2 + channels), seed, keys=keys)
        asked = block[:, None] * _BLOCK + ops.arange(_BLOCK, dtype="int32")
        lines = self._lines(size, asked, draws[..., :2])
        squares = ops.concatenate([lines, draws[..., 2:] < 0.5], axis=-1)
        return ops.reshape(squares, (-1, sum(size) + channels))

    def _query(
        self, problem: attack.Problem, state: State, ends: Any, squares: Any
    ) -> State:
        """Returns the state after one query.

        Args:
          problem: that of `start`.
          state: before the query.
          ends: of each pixel, the lowest and the highest value.
          squares: of the block.
        """
        shape = ops.shape(state.images)
        place = ops.arange(shape[0], dtype="int32") * _BLOCK + state.asked % _BLOCK
        ends_of_lines = np.cumsum(problem.images.shape[1:3]).tolist()
        square = ops.take(squares, place, axis=0)
        rows, columns, is_low = ops.split(square, ends_of_lines, axis=-1)
        colour = backend.where(ops.broadcast_to(is_low[:, None, None], shape), *ends)
        inside = (rows[:, :, None] & columns[:, None, :])[..., None]
        inside = ops.broadcast_to(inside, shape)
        images = backend.where(inside, colour, state.images)
        margin = _margin(problem, images)
        is_better = (margin > state.margin) | ops.isnan(margin)
        return State(
            attack.select(is_better, images, state.images),
            backend.where(is_better, margin, state.margin),
            state.asked + 1,
        )

    def _lines(self, size: Any, asked: Any, draws: Any) -> Any:
        """Returns bool [..., H + W]: in which rows and columns squares lie.

        Args:
          size: height and width of the images.
          asked: int32 [...], queries behind each square.
          draws: float32 [..., 2] in [0, 1): where the upper left corners lie.
        """
        side, lines = self._side(size, asked), []
        for axis, length in enumerate(size):
            first = ops.floor(draws[..., axis, None] * (length - side + 1.0))
            places = ops.arange(length, dtype="float32")
            lines.append((places >= first) & (places < first + side))
        return ops.concatenate(lines, axis=-1)

    def _side(self, size: Any, asked: Any) -> Any:
        """Returns float32 [..., 1]: the sides of squares, in pixels.

        Args:
          size: height and width of the images.
          asked: int32 [...], queries behind each.
        """
        height, width = size
        areas = [SHARE / 2**n * height * width for n in range(len(HALVED_AFTER) + 1)]
        sides = [float(max(round(math.sqrt(area)), 1)) for area in areas]
        sides = [min(side, height, width) for side in sides]
        ends = [n * self.num_queries / SCHEDULED for n in HALVED_AFTER]
        passed = ops.cast(asked, "float32")[..., None] > ops.convert_to_tensor(ends)
        halvings = ops.sum(ops.cast(passed, "int32"), axis=-1)
        return ops.take(ops.convert_to_tensor(sides), halvings)[..., None]


def _margin(problem: attack.Problem, images: Any) -> Any:
    """Returns float32 [B], positive where misclassified; NaN without finite logits."""
    logits = problem.logits_fn(images)
    is_known = ops.all(ops.isfinite(logits), axis=-1)
    return ops.where(is_known, losses.margin(problem.labels, logits), float("nan"))
