"""The images that the report shows."""

import numpy as np
import tensorflow as tf

from common import attacks, data, files, recipe
from common.evaluation import examples

NAMES = (
    "clean",
    "adversarial",
    "labels",
    "predictions_clean",
    "predictions_adversarial",
)


def logits_fn(images):
    return tf.reshape(images, [-1, 64])[:, 20:30] / 10.0


def test_images_before_and_after_the_attack_with_what_the_network_said(tmp_path):
    dataset = data.Digits().test_batches(batch_size=6)
    attack = attacks.PGD(epsilon=16.0, step_size=8.0, num_steps=3)
    examples.save(tmp_path / "examples.npz", logits_fn, dataset, attack)
    saved = files.load_arrays(tmp_path / "examples.npz", *NAMES)
    images, labels = next(dataset.as_numpy_iterator())
    np.testing.assert_array_equal(saved["clean"], images)
    np.testing.assert_array_equal(saved["labels"], labels)
    change = np.abs(saved["adversarial"] - images)
    assert 8.0 < change.max() <= 16.0 + 1e-4
    assert 0 <= saved["adversarial"].min() <= saved["adversarial"].max() <= 255
    for images, predictions in (
        ("clean", "predictions_clean"),
        ("adversarial", "predictions_adversarial"),
    ):
        expected = np.argmax(logits_fn(saved[images]), -1)
        np.testing.assert_array_equal(saved[predictions], expected)


def test_the_quickest_attack_is_shown_and_no_noise():
    pgd, noise = attacks.PGD(16.0, 8.0, num_steps=3), attacks.RandomSign(16.0)
    one, slow = attacks.FGSM(16.0), attacks.PGD(16.0, 8.0, num_steps=9)
    unfit = [recipe.Evaluation(a) for a in (None, noise, attacks.Worst((one,) * 2))]
    unfit.append(recipe.Evaluation(one, target="other"))
    known = [*unfit, *map(recipe.Evaluation, (slow, pgd))]
    assert examples.quickest(known) == recipe.Evaluation(pgd)
    assert examples.quickest(unfit) is None
