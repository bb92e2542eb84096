"""The statements of Kurakin et al. (2017) about MNIST, as checks."""

from __future__ import annotations

from common.results.claims import Claim
from common.results.margins import difference, level
from common.seeds import of_seed
from kurakin2017 import presets

MNIST = tuple(of_seed("mnist_adversarial", seed) for seed in presets.MNIST_SEEDS)
MNIST_SIZE = "MNIST is trained at the paper's own scale alone, five networks of it."


def fgsm(radius: float) -> tuple[str, str]:
    """Returns FGSM with the label and without it, between which labels leak."""
    return f"fgsm_mnist_{radius:g}", f"fgsm_pred_mnist_{radius:g}"


CLAIMS = (
    Claim(
        name="mnist_labels_leak_but_few",
        statement="The adversarially trained MNIST network leaks labels too, but at "
        "most 79 of 10,000.",
        source="text, Sec. 4.2",
        note=f"{MNIST_SIZE} Without the label FGSM climbs at the predicted class, "
        "which is the label where the network is right when clean. So only images that "
        "are wrong when clean can leak, and few can. Against step l.l. far more would.",
        comparisons=(
            # Paper: 79 at 0.3, the worst. That one leaks at all is the other part.
            *(
                level(name, *fgsm(r), metric="leaked", at_most=0.79)
                for name in MNIST
                for r in presets.MNIST_RADII
            ),
            *(
                level(name, *fgsm(0.3), metric="leaked", at_least=0.01)
                for name in MNIST
            ),
        ),
    ),
    Claim(
        name="mnist_labels_leak_most_at_0.3",
        statement="The MNIST network leaks more labels at 0.3 of the range of pixels "
        "than at any other radius.",
        source="text, Sec. 4.2",
        note=MNIST_SIZE,
        comparisons=tuple(
            # The direction is the claim: of the others no number is given.
            difference(
                (name, *fgsm(0.3)), (name, *fgsm(r)), metric="leaked", at_least=0.0
            )
            for name in MNIST
            for r in presets.MNIST_RADII
            if r != 0.3
        ),
    ),
    Claim(
        name="mnist_error_under_fgsm_exceeds_clean_error",
        statement="On MNIST few leaked labels do not hide the attack: the error under "
        "FGSM exceeds the clean one at all of seven radii from 0.05 to 0.5.",
        source="text, Sec. 4.2",
        note=MNIST_SIZE,
        comparisons=tuple(
            # The direction is the claim: no number is given.
            difference((name, f"fgsm_mnist_{r:g}"), (name, "clean"), at_most=0.0)
            for name in MNIST
            for r in presets.MNIST_RADII
        ),
    ),
)
