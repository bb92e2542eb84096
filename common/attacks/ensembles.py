"""AutoAttack (Croce and Hein, 2020): what the field takes for the worst case."""

from __future__ import annotations

from common.attacks.apgd import APGD
from common.attacks.fab import FAB
from common.attacks.multi_targeted import MultiTargeted
from common.attacks.square import Square
from common.attacks.worst import Nearest, Worst
from common.names import lookup

TARGETS = 9  # wrong classes that are targets, where there are so many
# `quick`: share of the survivors of its first round that it goes on with, the fewest
# of them, its steps towards a target, and the queries of its last part.
NEAREST, FEWEST, SHORT, ALARM = 0.2, 10, 40, 100
SAMPLES = 20  # passes of `rand` at each iterate


def autoattack(epsilon: float = 8.0, version: str = "standard") -> Worst:
    """Returns the attacks of AutoAttack in the L-infinity ball, in their order.

    `standard` is what one publishes: APGD of 100 steps up cross-entropy, then up the
    targeted DLR loss for up to nine targets, FAB for these targets, and Square of 5,000
    queries. `plus` adds APGD up DLR, and takes five starts where there is no target;
    the authors' untargeted FAB is left out, since targeted FAB finds as much. `rand` is
    for networks that answer by chance: APGD up cross-entropy and up DLR, by the mean of
    20 passes at each iterate, judged once. `quick`
    takes a few large steps for each target, and goes on with the fifth of the survivors
    that came nearest to a wrong class, or with ten where a fifth is fewer. These meet
    APGD on three losses, with 40 steps towards each target. Its last part, a short
    Square on every survivor, is an alarm: what it breaks says that gradients mislead,
    so that `standard` is needed. Where they mislead, an image does not come near, so
    the alarm asks all.

    Args:
      epsilon: radius in pixels of 255.
      version: a name in `VERSIONS`.

    Raises:
      ValueError: an unknown version, or epsilon out of range.
    """
    return lookup(VERSIONS, version, "version of AutoAttack")(epsilon)


def _targeted(epsilon: float, num_steps: int = 100) -> APGD:
    return APGD(epsilon, num_steps, loss="targeted_dlr", num_restarts=TARGETS)


def _standard(epsilon: float) -> Worst:
    parts = APGD(epsilon), _targeted(epsilon), FAB(epsilon, num_restarts=TARGETS)
    return Worst((*parts, Square(epsilon)))


def _plus(epsilon: float) -> Worst:
    untargeted = (
        APGD(epsilon, loss=x, num_restarts=5) for x in ("cross_entropy", "dlr")
    )
    targeted = _targeted(epsilon), FAB(epsilon, num_restarts=TARGETS)
    return Worst((*untargeted, Square(epsilon), *targeted))


def _quick(epsilon: float) -> Worst:
    return Worst(
        (
            MultiTargeted(epsilon, num_restarts=TARGETS),
            Nearest(NEAREST, FEWEST),
            APGD(epsilon),
            APGD(epsilon, loss="gap_scaled"),
            _targeted(epsilon, SHORT),
            Square(epsilon, ALARM),
        )
    )


def _rand(epsilon: float) -> Worst:
    parts = (APGD(epsilon, loss=x, samples=SAMPLES) for x in ("cross_entropy", "dlr"))
    return Worst(tuple(parts))


VERSIONS = {"standard": _standard, "plus": _plus, "rand": _rand, "quick": _quick}
