"""Which images go through which branch of batch norm, and in which mode."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from common import attacks, data, models
from common.models import norms
from common.training import optimizers
from intriguing_at.algorithm import AdversarialTraining
from tests.oracles import adversarial as oracle
from tests.oracles import training

B = AdversarialTraining(oracle.PGD, clean_share=1.0)
CLEAN, ADVERSARIAL = norms.MIXTURE


@pytest.mark.parametrize(
    ("norm", "branch"),
    [("mixture", ADVERSARIAL), ("batch", CLEAN), ("none", CLEAN), ("group", CLEAN)],
)
@pytest.mark.parametrize("clean_share", [0.0, 0.2, 1.0])
def test_crafting_is_in_inference_mode_and_the_update_is_one_pass(
    clean_share, norm, branch
):
    method = AdversarialTraining(training.Negative(asks=True), clean_share)
    trained = oracle.bound(method, norm)
    images, labels = training.minibatch()
    training.step(trained, (images, labels))
    crafting, update = trained.network.calls
    assert crafting[1] == {"training": False, "branch": branch}
    kept = list(oracle.KEPT[clean_share])
    np.testing.assert_array_equal(
        update[0], np.concatenate([255.0 - images, images[kept]])
    )
    parts = ((branch, 10), (CLEAN, len(kept)))
    assert update[1] == {"training": True, "branch": parts if kept else branch}


@pytest.mark.parametrize("norm", ["batch", "mixture"])
def test_every_step_of_an_iterated_attack_goes_through_the_adversarial_branch(norm):
    trained = oracle.bound(B, norm)
    training.step(trained, training.minibatch())
    *crafting, _ = trained.network.calls
    assert len(crafting) == oracle.PGD.num_steps
    branch = trained.network.branches[-1]
    for _, mode in crafting:
        assert mode == {"training": False, "branch": branch}


def test_one_batch_of_one_branch_has_the_statistics_of_the_mixture():
    trained = oracle.bound(AdversarialTraining(training.Negative(), 0.2), "batch")
    before = training.values(trained)
    images, _ = batch = training.minibatch()
    training.step(trained, batch)
    mixed = np.concatenate([255 - images, images[[4, 9]]]).reshape(12, -1) / 64
    for name, value in (
        ("norm/moving_mean", mixed.mean(0)),
        ("norm/moving_variance", mixed.var(0)),
    ):
        wanted = 0.9 * before[name] + 0.1 * value
        np.testing.assert_allclose(training.values(trained)[name], wanted, atol=1e-5)


def test_each_branch_of_a_mixture_has_the_statistics_of_its_images():
    trained = oracle.bound(AdversarialTraining(training.Negative(), 0.2))
    before = training.values(trained)
    images, _ = batch = training.minibatch()
    training.step(trained, batch)
    for branch, own in ((ADVERSARIAL, 255 - images), (CLEAN, images[[4, 9]])):
        name = f"norm/moving_mean_{branch}"
        wanted = 0.9 * before[name] + 0.1 * own.reshape(len(own), -1).mean(0) / 64
        np.testing.assert_allclose(training.values(trained)[name], wanted, atol=1e-5)


def test_adversarial_images_alone_leave_the_clean_branch_as_it_was():
    trained = oracle.bound(AdversarialTraining(oracle.PGD))
    before = training.values(trained)
    training.step(trained, training.minibatch())
    expected = {name for name in before if not name.endswith(CLEAN)}
    assert training.changed(trained, before) == expected


def wide(clean_share=0.0):
    """Returns the method on a small network of convolutions, and a minibatch."""
    keras.utils.set_random_seed(0)
    config = models.WideResNet(depth=8, width=1, stem_stride=2, norm=oracle.MIXTURE)
    attack = attacks.PGD(40.0, step_size=15.0, num_steps=2)
    trained = AdversarialTraining(attack, clean_share).build(
        config.build(10, 8, channels=1),
        optimizers.Momentum().build(0.1),
        l2=1e-4,
        num_replicas=1,
    )
    return trained, tuple(map(tf.constant, data.Digits().train_slice(8)))


def of_branches(trained):
    return {
        v.path: v.numpy()
        for v in trained.network.variables
        if v.name.endswith(norms.MIXTURE)
    }


def test_the_branches_of_a_compiled_network_learn_apart():
    trained, batch = wide(clean_share=1.0)
    update = tf.function(trained.train_step)
    for seed in range(2):
        update(batch, (), tf.constant(seed, tf.int64))
    assert update.experimental_get_tracing_count() == 1
    values = of_branches(trained)
    assert len(values) == 2 * 4 * 7
    for path, value in values.items():
        other = values[path.replace(CLEAN, ADVERSARIAL)]
        assert np.array_equal(value, other) == path.endswith(ADVERSARIAL), path
    logits = [trained.network(batch[0], branch=branch) for branch in norms.MIXTURE]
    assert np.abs(logits[0] - logits[1]).max() > 0.01


@pytest.mark.parametrize("branch", norms.MIXTURE)
def test_images_of_one_kind_leave_the_other_branch_untouched(branch):
    trained, batch = wide()
    before = of_branches(trained)
    if branch == CLEAN:
        trained.descend(*batch, seed=0)
    else:
        trained.train_step(batch, (), 0)
    for path, value in of_branches(trained).items():
        assert np.array_equal(value, before[path]) != path.endswith(branch), path


@pytest.mark.parametrize("branch", norms.MIXTURE)
def test_attack_passes_leave_both_branches_untouched(branch):
    trained, (images, labels) = wide()
    before = of_branches(trained)
    adv_images = trained.attack(
        lambda x: trained.network(x, training=False, branch=branch), images, labels
    )
    assert np.abs(adv_images - images).max() > 30
    for path, value in of_branches(trained).items():
        np.testing.assert_array_equal(value, before[path], err_msg=path)
