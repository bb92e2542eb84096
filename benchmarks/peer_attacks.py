"""PGD and FGSM of other libraries behind one interface; each imports its own on use.

Radius, step and number of steps are those of the suite's attack. For PGD every library
starts at random in the ball, with its own random numbers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks import timing, trained
from common import backend
from common.attacks import FGSM, PGD

LogitsFn = Callable[[Any], Any]
Attack = Callable[[Any, Any], Any]
Build = Callable[[LogitsFn, FGSM | PGD, tuple[int, ...]], Attack]


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A library's attack, ready for batches of the test images.

    Attributes:
      attack: what `inputs` returned -> adversarial images as the library has them.
      passes: forward and backward passes of one call, as counted.
      inputs: images [B, H, W, C] and labels [B] as the library takes them.
      pixels: what the attack returned as float32 [B, H, W, C] in [0, 255].
    """

    attack: Callable[..., Any]
    passes: dict[str, int]
    inputs: Callable[[np.ndarray, np.ndarray], tuple[Any, Any]]
    pixels: Callable[[Any], np.ndarray]


def on_tensorflow(build: Build) -> Callable[[trained.Trained], Prepared]:
    """Returns trained network -> prepared, for a library that attacks TensorFlow's."""

    def inputs(images: np.ndarray, labels: np.ndarray) -> tuple[Any, Any]:
        return tf.constant(images), tf.constant(labels)

    def prepare(found: trained.Trained) -> Prepared:
        rest = found.attack, found.images.shape[1:]
        passes = timing.count_passes(
            lambda f: build(f, *rest)(*inputs(found.images[:2], found.labels[:2])),
            found.logits_fn,
        )
        return Prepared(build(found.logits_fn, *rest), passes, inputs, np.asarray)

    return prepare


def suite(logits_fn: LogitsFn, attack: FGSM | PGD, shape: tuple[int, ...]) -> Attack:
    """This suite: the whole attack compiled."""
    del shape
    return backend.compiled(lambda x, y: attack(logits_fn, x, y))


def foolbox(logits_fn: LogitsFn, attack: FGSM | PGD, shape: tuple[int, ...]) -> Attack:
    """Foolbox as documented, with its check of which images it fooled."""
    import foolbox as library

    del shape
    model = library.TensorFlowModel(logits_fn, bounds=(0, 255))
    fool = (
        library.attacks.LinfFastGradientAttack()
        if isinstance(attack, FGSM)
        else library.attacks.LinfPGD(
            abs_stepsize=attack.step_size, steps=attack.num_steps, random_start=True
        )
    )

    def run(images: Any, labels: Any) -> Any:
        # With int32 labels its criterion calls a function that NumPy 2 removed.
        labels = tf.cast(labels, tf.int64)
        return fool(model, images, labels, epsilons=attack.epsilon)[1]

    return run


def cleverhans(
    logits_fn: LogitsFn, attack: FGSM | PGD, shape: tuple[int, ...]
) -> Attack:
    """Cleverhans as documented; it compiles the gradient of each step itself."""
    from cleverhans.tf2.attacks import fast_gradient_method, projected_gradient_descent

    del shape
    # Its sanity checks compare in Python, which no compiling survives.
    rest = {"clip_min": 0.0, "clip_max": 255.0, "sanity_checks": False}

    def one_step(images: Any, labels: Any) -> Any:
        return fast_gradient_method.fast_gradient_method(
            logits_fn, images, attack.epsilon, np.inf, y=labels, **rest
        )

    if isinstance(attack, FGSM):
        return one_step
    lengths = attack.epsilon, attack.step_size, attack.num_steps

    def run(images: Any, labels: Any) -> Any:
        return projected_gradient_descent.projected_gradient_descent(
            logits_fn, images, *lengths, np.inf, y=labels, rand_init=True, **rest
        )

    return run


def art(logits_fn: LogitsFn, attack: FGSM | PGD, shape: tuple[int, ...]) -> Attack:
    """The Adversarial Robustness Toolbox as documented: NumPy in, NumPy out."""
    from art import config
    from art.attacks import evasion
    from art.estimators import classification

    def model(images: Any, training: bool = False) -> Any:
        del training
        return logits_fn(images)

    classifier = classification.TensorFlowV2Classifier(
        model=model,
        nb_classes=int(logits_fn(tf.zeros((1, *shape))).shape[-1]),
        input_shape=shape,
        loss_object=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        clip_values=(0, 255),
    )

    def run(images: Any, labels: Any) -> Any:
        ball = {"norm": np.inf, "eps": attack.epsilon, "batch_size": len(labels)}
        made = (
            evasion.FastGradientMethod(classifier, **ball)
            if isinstance(attack, FGSM)
            else evasion.ProjectedGradientDescent(
                classifier,
                eps_step=attack.step_size,
                max_iter=attack.num_steps,
                num_random_init=1,
                verbose=False,
                **ball,
            )
        )
        return made.generate(
            images.numpy().astype(config.ART_NUMPY_DTYPE), labels.numpy()
        )

    return run


def network_compiled(build: Build) -> Build:
    """Returns the same with the network in a `tf.function`, forwards and backwards."""
    return lambda logits_fn, *rest: build(backend.compiled(logits_fn), *rest)


def attack_compiled(build: Build) -> Build:
    """Returns the same with the whole attack in a `tf.function`."""
    return lambda *args: backend.compiled(build(*args))
