"""AdvProp on an EfficientNet: an update moves both branches, inference reads one."""

import dataclasses

import keras
import numpy as np
import pytest

from common.models import efficientnet, logits, norms
from intriguing_at import presets

CLEAN, ADVERSARIAL = norms.MIXTURE
B0 = presets.PAPER["advprop_efficientnet_b0"]
STAGES = [  # of the network's seven, how many it has
    pytest.param(2, id="two stages"),
    pytest.param(7, id="b0", marks=pytest.mark.slow),
]


@dataclasses.dataclass(frozen=True)
class Updated:
    """A network after an update, its values before, and a minibatch."""

    network: object
    before: dict
    loss: float
    images: np.ndarray


@pytest.fixture(scope="module", params=STAGES)
def updated(request):
    """Returns what an update of the recipe makes of four images of 32 pixels."""
    keras.utils.set_random_seed(B0.seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(efficientnet, "_STAGES", efficientnet._STAGES[: request.param])
        network = B0.network.build(10, 32)
    rate = B0.schedule.schedule.rate  # the warm-up begins at 0
    method = B0.method.build(
        network, B0.optimizer.build(rate), l2=B0.l2, num_replicas=1
    )
    before = {v.path: v.numpy() for v in network.variables}
    images = np.random.default_rng(0).uniform(0, 255, (4, 32, 32, 3)).astype("float32")
    metrics, _ = method.train_step((images, np.int32([0, 3, 5, 9])), (), seed=0)
    return Updated(network, before, float(metrics["loss"]), images)


def of_branch(network, branch):
    return [v for v in network.variables if v.path.endswith(f"_{branch}")]


def test_an_update_is_finite_and_moves_both_branches_apart(updated):
    assert np.isfinite(updated.loss)
    pairs = zip(
        *(of_branch(updated.network, branch) for branch in norms.MIXTURE), strict=True
    )
    moved = 0
    for clean, adversarial in pairs:
        assert adversarial.path == clean.path.replace(CLEAN, ADVERSARIAL)
        assert np.isfinite(clean).all() and np.isfinite(adversarial).all()
        assert not np.array_equal(clean, adversarial), clean.path
        for variable in (clean, adversarial):
            before = updated.before[variable.path]
            assert not np.array_equal(variable, before), variable.path
            moved += "moving" in variable.name
    assert moved == 2 * 2 * len([v for v in updated.before if v.endswith("beta_clean")])


def test_inference_and_the_evaluation_of_clean_images_read_the_clean_branch(updated):
    network, images = updated.network, updated.images
    evaluations = presets.EVALUATIONS["paper"]
    through = {
        name: logits.inference(network, evaluations[name].branch)
        for name in ("clean", "clean_mbn_adv")
    }
    expected = network(images, branch=CLEAN).numpy()
    other = network(images, branch=ADVERSARIAL).numpy()
    assert np.abs(expected - other).max() > 1e-3 * np.ptp(expected)
    routed = through["clean_mbn_adv"](images)
    np.testing.assert_allclose(routed, other, rtol=1e-5, atol=1e-6)

    kept = [(v, v.numpy()) for v in of_branch(network, ADVERSARIAL)]
    for variable, value in kept:
        variable.assign(np.full_like(value, np.nan))
    found = [network(images), network(images, branch=CLEAN), through["clean"](images)]
    spoilt = through["clean_mbn_adv"](images)
    for variable, value in kept:
        variable.assign(value)
    for result in found:
        np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)
    assert np.isnan(spoilt).all()
