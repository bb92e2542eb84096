"""The worst of several attacks: an image must survive each of them."""

from __future__ import annotations

import dataclasses
from typing import Any

from common.attacks import adapted, attack, checks
from common.lazy import ops


@dataclasses.dataclass(frozen=True)
class Nearest(adapted.Clean):
    """Among the parts of `Worst`: of the images left, those nearest to a wrong class.

    In an evaluation only these meet all attacks that follow; the others go on with the
    last attack, which every image that is left meets. How near an image has come is the
    largest margin of a wrong class at any judgement, by z_1 - (z_3 + z_4) / 2 as in
    `losses.targeted_dlr`. Calls let all pass.

    Attributes:
      share: of the images that are left, in (0, 1); rounded up.
      at_least: the smallest number of images that go on, if so many are left.

    Raises:
      ValueError: a value out of range, when it is built.
    """

    share: float
    at_least: int = 1

    def _check(self) -> None:
        if not (isinstance(self.share, float) and 0 < self.share < 1):
            raise ValueError(
                "share is that of the images which go on, between 0 and 1. "
                f"Received: share={self.share}"
            )
        checks.check_count("at_least", self.at_least)


def _is_nearest(found: attack.Attack) -> bool:
    return isinstance(found, Nearest)


@dataclasses.dataclass(frozen=True)
class Worst(attack.Attack):
    """Attacks one after the other, each on the images that are still right.

    Every attack begins at the image itself, and takes the seed that it would take
    alone. In an evaluation an image that is broken leaves at once, and the record says
    what each attack has found. A call returns of each image the first result that fools
    the network, the image itself if that does, or else the last result.

    Attributes:
      attacks: of the suite, in their order.

    Raises:
      ValueError: no attack, something else among them, `Nearest` with fewer than two
        after it, or inside of an attack that it would make others skip, when it is
        built.
    """

    attacks: tuple[attack.Attack, ...]

    def _check(self) -> None:
        object.__setattr__(self, "attacks", tuple(self.attacks))
        for found in self.attacks or (None,):
            if not isinstance(found, attack.Attack):
                raise ValueError(
                    "Worst takes attacks, such as Worst((APGD(8.0), Square(8.0))). "
                    f"Received: {found!r}"
                )
        for place in (-1, -2):
            if _is_nearest(self.attacks[place:][0]):
                raise ValueError(
                    "Nearest chooses the images of the attacks between it and the last "
                    f"one, so that two must follow. Received: {self.attacks!r}"
                )
        own = any(map(_is_nearest, self.attacks))
        inner = [found for found in self.attacks if isinstance(found, Worst)]
        chosen = [found for found in inner if any(map(_is_nearest, found.parts))]
        if chosen and (own or chosen != [self.attacks[-1]]):
            raise ValueError(
                "An attack with Nearest in it, such as AutoAttack's quick version, "
                "must be the last of Worst, and the only one: the images that it lets "
                f"pass would skip what follows. Received: {self.attacks!r}"
            )

    @property
    def parts(self) -> tuple[attack.Attack, ...]:
        """The clean images, so that wrong ones are not attacked, and the attacks."""
        parts = (part for found in self.attacks for part in found.parts)
        return (adapted.CLEAN, *(part for part in parts if part != adapted.CLEAN))

    @property
    def rounds(self) -> attack.Rounds:
        """As many restarts as it has parts, which differ in all else."""
        rounds = [part.rounds for part in self.parts]
        return attack.Rounds(
            num_steps=sum(found.num_steps * found.restarts for found in rounds),
            chunks=max(found.chunks for found in rounds),
            restarts=len(rounds),
        )

    @property
    def allows_chance(self) -> bool:
        """Whether all of its attacks allow it: any other would judge by luck."""
        return all(found.allows_chance for found in self.attacks)

    def solve(self, problem: attack.Problem) -> Any:
        """Returns the adversarial images of all parts."""
        adv_images = ops.stop_gradient(problem.images)
        attacks = [part for part in self.parts if not _is_nearest(part)]
        for part in attacks[1:]:
            logits = problem.logits_fn(adv_images)
            fooled = attack.is_fooled(problem.labels, logits)
            adv_images = attack.select(fooled, adv_images, part.solve(problem))
        return adv_images

    def proceed(
        self, problem: attack.Problem, state: Any, climbed: Any, num_steps: Any
    ) -> Any:
        """Returns the adversarial images of all parts."""
        return self.solve(problem)
