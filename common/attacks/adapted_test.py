"""What counts as an attack, and what it then promises."""

import dataclasses
from typing import ClassVar

import numpy as np
import tensorflow as tf

from common import attacks
from common.attacks import adapted, attack
from tests.oracles import textbook


@dataclasses.dataclass(frozen=True)
class Darker:
    """An attack of no contract, which says that it needs no pass."""

    by: float
    num_steps: ClassVar[int] = 0

    def __call__(self, logits_fn, images, labels, *, seed):
        return images - self.by


def made(one):
    images, labels = textbook.batch()
    return images, one(textbook.TinyNetwork(), tf.constant(images), labels).numpy()


def test_an_attack_is_what_it_is():
    fgsm = attacks.FGSM(8.0)
    assert adapted.adapted(fgsm) is fgsm


def test_none_is_the_images_as_they_are():
    clean = adapted.adapted(None)
    np.testing.assert_array_equal(*made(clean))
    assert clean.rounds == attack.Rounds(0, 1, 1)


def test_a_function_is_called_with_all_that_an_attack_is_given():
    one = adapted.adapted(Darker(3.0))
    images, darker = made(one)
    np.testing.assert_array_equal(darker, images - 3)
    assert one.rounds == attack.Rounds(0, 1, 1)
    given = []
    adapted.adapted(lambda *args, seed: given.append((args, seed)) or args[1])(
        *("network", *textbook.batch()), seed=7
    )
    (((_, images, labels), seed),) = given
    np.testing.assert_array_equal(images, textbook.batch()[0])
    np.testing.assert_array_equal(labels, textbook.batch()[1])
    assert seed == 7


def test_a_function_that_does_not_say_takes_one_step():
    one = adapted.adapted(lambda logits_fn, images, labels, seed: images)
    assert one.rounds == attack.Rounds(1, 1, 1)
    assert one.kind == one and one.numbers == {}
