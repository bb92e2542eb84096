"""The fast gradient sign method and its three other choices of class.

FGSM is of Goodfellow et al. (2015). The label leaks into the images that it makes, so
Kurakin et al. (2017) also take the class that the network predicts, and targets.

Differs: images are clipped to [0, 255], which no formula of the paper shows; its
authors' released evaluation code does.
"""

from __future__ import annotations

from typing import ClassVar

from common.attacks.one_step import OneStep


class FGSM(OneStep):
    """One step of length epsilon up the cross-entropy at the true label."""

    source: ClassVar[str] = "true"


class FGSMPredicted(OneStep):
    """FGSM at the class that the network predicts, in place of the label."""

    source: ClassVar[str] = "predicted"


class StepLL(OneStep):
    """One step of length epsilon down the cross-entropy at the least likely class."""

    source: ClassVar[str] = "least_likely"


class StepRandom(OneStep):
    """One step of length epsilon down the cross-entropy at a random wrong class.

    Every class but the label is as likely; that the label is left out is ours, the
    paper calls the target random.
    """

    source: ClassVar[str] = "random"
