"""i. Adversarial training by ART beside this suite's, of one Keras model.

It runs where ART is installed, see `requirements-peers.txt`.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import tempfile
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from benchmarks import records, setting, timing
from common import attacks, data, engine, evaluation
from common.data.dataset import Dataset
from common.foreign import arrays, heads, parts, plans
from common.training import learner, loop
from free_at.algorithm import FreeTraining, PGDTraining

OURS, FREE, ART = "this suite, 7-PGD", "this suite, Free m = 8", "ART, 7-PGD"
NUM_STEPS, REPLAYS = 7, 8  # passes of an update: 7 + 1, and 8 replays
TRAIN, TEST = 2_000, 500
EPOCHS, BATCH_SIZE, RATE, ROUNDS = 2, 100, 0.05, 3


@dataclasses.dataclass(frozen=True)
class Task:
    """What all rows train and are judged on.

    Attributes:
      name: of the data.
      images: float32 [n, H, W, C] in [0, 255]; the first `TRAIN` at most.
      labels: int32 [n].
      test: images and labels.
      epsilon: radius, in pixels of 255; steps are a quarter of it.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray
    test: tuple[np.ndarray, np.ndarray]
    epsilon: float

    @property
    def pgd_20(self) -> attacks.PGD:
        """The attack that judges."""
        return attacks.PGD(self.epsilon, self.epsilon / 4, num_steps=20)

    def model(self) -> keras.Model:
        """Returns the model, of pixels in [0, 255], with the same weights each time."""
        keras.utils.set_random_seed(0)
        layers = keras.layers
        return keras.Sequential(
            [
                keras.Input(self.images.shape[1:]),
                layers.Rescaling(1 / 255),
                layers.Conv2D(32, 3, padding="same", activation="relu"),
                layers.BatchNormalization(),
                layers.Conv2D(64, 3, strides=2, activation="relu"),
                layers.BatchNormalization(),
                layers.GlobalAveragePooling2D(),
                layers.Dense(10),
            ],
            name="small",
        )


def measure() -> tuple[records.Comparison, ...]:
    """Times trainings of as many passes, and counts what is right under PGD-20."""
    task = _task()
    trained: dict[str, keras.Model] = {}
    rows = {
        OURS: functools.partial(
            _ours, task, PGDTraining(task.epsilon, task.epsilon / 4, NUM_STEPS)
        ),
        FREE: functools.partial(_ours, task, FreeTraining(REPLAYS, task.epsilon)),
        ART: functools.partial(_art, task),
    }
    failures = {}
    for name, train in dict(rows).items():
        try:
            train()
        except Exception as error:  # whatever a library raises is the finding
            if name == OURS:
                raise
            failures[name] = f"{type(error).__name__}: {str(error).strip()[:300]}"
            del rows[name]

    def candidate(name: str) -> Callable[[int], None]:
        def run(_: int) -> None:
            trained[name] = rows[name]()

        return run

    samples = timing.interleaved({name: candidate(name) for name in rows}, ROUNDS)
    passes = EPOCHS * (NUM_STEPS + 1) * len(task.labels)
    comparison = records.Comparison(
        setting=f"A convolutional network with batch norm, {len(task.labels):,} images "
        f"of {task.name}, {passes:,} passes of an image each, compilation included; "
        f"left correct: of test images under {setting.attack_name(task.pgd_20)}",
        reference=OURS,
        samples=samples,
        counts={name: _right(model, task) for name, model in trained.items()},
        failures=failures,
    )
    return (comparison,)


def _task() -> Task:
    """Returns CIFAR-10 where it is, and else the digits."""
    found: Dataset = data.CIFAR10()
    epsilon = 8.0
    try:
        images, labels = found.train_slice(TRAIN)
    except FileNotFoundError:
        found, epsilon = data.Digits(), 40.0
        images, labels = found.train_slice(TRAIN)
    ((test, truth),) = found.test_batches(
        batch_size=TEST, indices=np.arange(min(TEST, found.num_test))
    )
    tested = np.asarray(test), np.asarray(truth)
    return Task(found.name, images, labels, tested, epsilon)


def _ours(task: Task, method: Any) -> keras.Model:
    """Trains in the loop of the suite, and returns the model."""
    parted = {"train": (task.images, task.labels), "test": task.test}
    dataset = arrays.of_arrays(parted, task.images.shape[1:], name=task.name)
    epochs = EPOCHS * (NUM_STEPS + 1) / (1 + method.attack_passes)
    plan = plans.Plan(epochs=epochs, batch_size=BATCH_SIZE, rate=RATE)
    recipe = plan.recipe(parts.part(task.model(), pixels="raw"), dataset, method)
    recipe = dataclasses.replace(recipe, probe=None, checkpoint_every=recipe.num_steps)
    place = engine.make("one_device")
    with tempfile.TemporaryDirectory() as folder:
        run_dir = pathlib.Path(folder)
        loop.train(recipe, run_dir, distribution=place)
        network: Any = learner.load(recipe, run_dir / "checkpoints", place, "float32")
    return network.plain()


def _art(task: Task) -> keras.Model:
    """Trains by ART's `AdversarialTrainer`, as its documentation shows."""
    from art.attacks import evasion
    from art.defences import trainer
    from art.estimators import classification

    model = task.model()
    classifier = classification.TensorFlowV2Classifier(
        model=model,
        nb_classes=10,
        input_shape=task.images.shape[1:],
        loss_object=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        optimizer=keras.optimizers.SGD(RATE, momentum=0.9),
        clip_values=(0, 255),
    )
    attack = evasion.ProjectedGradientDescent(
        classifier,
        norm=np.inf,
        eps=task.epsilon,
        eps_step=task.epsilon / 4,
        max_iter=NUM_STEPS,
        num_random_init=1,
        batch_size=BATCH_SIZE,
        verbose=False,
    )
    trainer.AdversarialTrainer(classifier, attack, ratio=1.0).fit(
        task.images, task.labels, batch_size=BATCH_SIZE, nb_epochs=EPOCHS
    )
    return model


def _right(model: keras.Model, task: Task) -> tuple[int, int]:
    """Returns how many test images are right under PGD-20, and how many there are."""
    answers = heads.Answers(model, None)
    record = evaluation.evaluate(answers, [task.test], task.pgd_20)
    return record.correct, record.total
