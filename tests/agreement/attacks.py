"""Every attack, on a small network."""

from __future__ import annotations

from typing import Any

from keras import ops

from common import attacks, backend
from common.attacks import losses
from tests import agreement, small_paper
from tests.agreement import given

EPSILON = 8.0
ATTACKS = {
    "APGD": attacks.APGD(EPSILON, 20),
    "APGD targets": attacks.APGD(EPSILON, 5, "targeted_dlr", num_restarts=3),
    "FAB": attacks.FAB(EPSILON, 5, num_restarts=2),
    "FGSM": attacks.FGSM(EPSILON),
    "FGSMPredicted": attacks.FGSMPredicted(EPSILON),
    "FastEntropy": attacks.FastEntropy(EPSILON),
    "FastGradL2": attacks.FastGradL2(EPSILON),
    "FastGradLinf": attacks.FastGradLinf(EPSILON),
    "IterBasic": attacks.IterBasic(EPSILON),
    "IterBasic predicted": attacks.IterBasic(EPSILON, source="predicted"),
    "IterLL": attacks.IterLL(EPSILON),
    "IterLL random": attacks.IterLL(EPSILON, source="random"),
    "MultiTargeted": attacks.MultiTargeted(EPSILON, 5, 3),
    "PGD": attacks.PGD(EPSILON, 2.0, 10),
    "PGD clean start": attacks.PGD(EPSILON, 2.0, 5, clean_start=0.5),
    "PGD every iterate": attacks.PGD(EPSILON, 2.0, 5, every_iterate=True),
    "PGD least likely": attacks.PGD(EPSILON, 2.0, 5, targeted="least_likely"),
    "PGD margin": attacks.PGD(EPSILON, 2.0, 10, loss="margin"),
    "PGD random": attacks.PGD(EPSILON, 1.0, 5, targeted="random", reaching=True),
    "PGD restarts": attacks.PGD(EPSILON, 2.0, 3, num_restarts=3),
    "RandomSign": attacks.RandomSign(EPSILON),
    "RandomTruncatedNormal": attacks.RandomTruncatedNormal(EPSILON),
    "RStepLL": attacks.RStepLL(EPSILON),
    "Square": attacks.Square(EPSILON, num_queries=40),
    "StepLL": attacks.StepLL(EPSILON),
    "StepRandom": attacks.StepRandom(EPSILON),
    "Worst": attacks.Worst((attacks.FGSM(2.0), attacks.APGD(EPSILON, 5))),
}


def attacked(attack: Any) -> agreement.Arrays:
    """Returns the adversarial images, of one epsilon and of one for each image."""
    network = given.filled(small_paper.Network().build(10, 16))
    images, labels = given.photographs(24)

    def logits_fn(images: Any) -> Any:
        return network(images, training=False)

    crafted = backend.compiled(lambda x, y, s: attack(logits_fn, x, y, seed=s))
    tensors = ops.convert_to_tensor(images), ops.convert_to_tensor(labels)
    adv_images = crafted(*tensors, backend.fold(3, 1))
    return {"images": images, "adv_images": adv_images}


def radii() -> agreement.Arrays:
    """Returns images of PGD with one radius for each."""
    epsilons = ops.convert_to_tensor([4.0, 8.0] * 12)
    return attacked(attacks.PGD(epsilons, 1.0, 5))


def example_losses() -> agreement.Arrays:
    """Returns all losses, and the gradients of their sums."""
    labels = ops.convert_to_tensor([0, 1, 2, 3], "int32")
    rows = [[3.0, -1.0, 0.5, 2.0], [0.0] * 4, [-40.0, 90.0, 1e-3, 7.0], [1e4, 0, 2, 9]]
    laws = {
        "cross_entropy": lambda z: losses.cross_entropy(labels, z),
        "smoothed": lambda z: losses.smoothed_cross_entropy(labels, z, 0.1),
        "odds": lambda z: losses.log_odds_against(labels, z),
        "margin": lambda z: losses.margin(labels, z),
        "dlr": lambda z: losses.dlr(labels, z),
        "targeted dlr": lambda z: losses.targeted_dlr(labels, (labels + 1) % 4, z),
        "gap scaled": lambda z: losses.gap_scaled(labels, z),
        "entropy": losses.entropy,
    }
    found = {}
    for name, law in laws.items():
        values = backend.value_and_gradients(
            lambda z, law=law: (ops.sum(law(z)), law(z)), ops.convert_to_tensor(rows)
        )
        (_, found[name]), found[f"{name} gradient"] = values
    return found


FAST = ("FastGradL2", "PGD margin", "PGD restarts", "RandomTruncatedNormal")
_CASES = {
    name: lambda attack=attack: attacked(attack) for name, attack in ATTACKS.items()
}
CASES = {**{name: _CASES[name] for name in FAST}, "losses": example_losses}
SLOW = {**{name: _CASES[name] for name in ATTACKS if name not in FAST}, "radii": radii}
