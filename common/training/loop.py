"""The training loop of every paper: one compiled update, called `num_steps` times."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from common import backend
from common import recipe as recipes
from common.data import checks
from common.evaluation import logits as logit_checks
from common.training import checkpoint, errors, manifest, metrics, probe, strategy

PRECISIONS = ("float32", "mixed_bfloat16")


@dataclasses.dataclass
class Learner:
    """What changes while a run trains: variables, the replicas' states, the step."""

    network: keras.Model
    method: Any
    state: Any
    step: int = 0

    @property
    def variables(self) -> list[Any]:
        """The shared variables: network, then optimizer."""
        return [*self.network.variables, *self.method.optimizer.variables]


def train(
    recipe: recipes.Recipe,
    run_dir: pathlib.Path,
    *,
    distribution: tf.distribute.Strategy,
    data_dir: str | None = None,
    precision: str = "float32",
    notes: dict[str, Any] | None = None,
) -> None:
    """Trains a recipe, from its newest checkpoint if the folder has one.

    Args:
      recipe: what to train.
      run_dir: the run's folder.
      distribution: where; from `strategy.make`.
      data_dir: of TFDS, or None for its default.
      precision: `float32` or `mixed_bfloat16`.
      notes: further entries of `recipe.json`, such as paper, scale and overrides.

    Raises:
      ValueError: a batch that does not divide, or data that do not fit the recipe.
      RunError: the folder is of another recipe, the loss is not finite, or a worker
        was lost.
    """
    strategy.check_divides(recipe.batch_size, distribution)
    worker = strategy.worker(distribution)
    learner = build(recipe, distribution, precision)
    if worker[0] == 0:
        record = _manifest(recipe, learner, distribution, precision)
        manifest.check_or_write(run_dir, {**(notes or {}), **record})
    _restore(learner, run_dir, distribution)
    try:
        _Run(
            learner, recipe, run_dir, distribution=distribution, data_dir=data_dir
        ).finish()
    except tf.errors.OpError as error:
        cause = "A worker was lost" if worker[1] > 1 else "TensorFlow failed"
        raise errors.RunError(
            f"{cause} after step {learner.step}; the same command, on every worker, "
            "goes on from the newest checkpoint. "
            f"Received: {type(error).__name__}: {error.message.splitlines()[0][:200]}"
        ) from error


def build(
    recipe: recipes.Recipe, distribution: tf.distribute.Strategy, precision: str
) -> Learner:
    """Returns the network at its seeded initial weights, and what trains it."""
    recipes.lookup(dict.fromkeys(PRECISIONS), precision, "--precision")
    keras.utils.set_random_seed(recipe.seed)
    keras.config.set_dtype_policy(precision)
    data = recipe.dataset
    with distribution.scope():
        network = recipe.network.build(
            data.num_classes, data.image_size, channels=data.channels
        )
        method = recipe.method.build(
            network,
            recipe.optimizer.build(recipe.schedule.build()),
            l2=recipe.l2,
            num_replicas=distribution.num_replicas_in_sync,
        )
    shape = (
        recipe.batch_size // distribution.num_replicas_in_sync,
        data.image_size,
        data.image_size,
        data.channels,
    )
    return Learner(
        network, method, distribution.run(lambda: method.initial_state(shape))
    )


def compile_update(
    method: Any, distribution: tf.distribute.Strategy, seed: int
) -> Callable[..., Any]:
    """Returns (batch, state, step) -> (metrics over all replicas, state), compiled."""

    @tf.function(reduce_retracing=True)
    def update(batch: Any, state: Any, step: Any) -> Any:
        # Random draws are keyed by example as well (backend.example_keys), so one seed
        # serves all replicas, and the replicas together draw what one alone would.
        step_seed = backend.fold(seed, step)
        shares, state = distribution.run(
            method.train_step, args=(batch, state, step_seed)
        )
        totals = {
            name: distribution.reduce(tf.distribute.ReduceOp.SUM, share, axis=None)
            for name, share in shares.items()
        }
        return totals, state

    return update


class _Run:
    """One call of `train`: updates, and what is due between them."""

    def __init__(
        self,
        learner: Learner,
        recipe: recipes.Recipe,
        run_dir: pathlib.Path,
        *,
        distribution: tf.distribute.Strategy,
        data_dir: str | None,
    ) -> None:
        self.learner, self.recipe, self.run_dir = learner, recipe, run_dir
        self.distribution, self.data_dir = distribution, data_dir
        self.worker = strategy.worker(distribution)
        self.meter = metrics.Meter(recipe.batch_size)
        self.log = metrics.Log(
            run_dir,
            step=learner.step,
            num_steps=recipe.num_steps,
            chief=self.worker[0] == 0,
        )
        self.log_every = min(100, max(10, recipe.num_steps // 100))

    def finish(self) -> None:
        """Does the updates that are left, and closes the log."""
        learner, recipe = self.learner, self.recipe
        if learner.step < recipe.num_steps:
            self._update_until_done()
        if self.worker[0] == 0:
            minutes = metrics.training_minutes(self.log.path, recipe.num_steps)
            self.log.write("end", learner.step, training_minutes=minutes)

    def _update_until_done(self) -> None:
        learner = self.learner
        update = compile_update(learner.method, self.distribution, self.recipe.seed)
        self.prober = self._make_probe()
        batches = self._batches()
        batch = next(batches)
        self._check(batch)
        self.meter.restart_clock()
        compiling = True
        while True:
            values, learner.state = update(
                batch, learner.state, tf.constant(learner.step, tf.int64)
            )
            learner.step += 1
            self.meter.add(learner.step, values)
            if compiling:
                self.meter.restart_clock()
                compiling = False
            self._do_what_is_due()
            if learner.step == self.recipe.num_steps:
                return
            if learner.step % learner.method.num_replays == 0:
                batch = next(batches)

    def _do_what_is_due(self) -> None:
        """Logs, probes and saves; a checkpoint follows a check of every loss."""
        checkpoint_due = self._is_due(self.recipe.checkpoint_every)
        if checkpoint_due or self.learner.step % self.log_every == 0:
            self._log_updates()
        if self.prober and self._is_due(self.recipe.probe_every):
            self._probe()
            self.meter.restart_clock()
        if checkpoint_due:
            self._save()
            self.meter.restart_clock()

    def _is_due(self, every: int) -> bool:
        step = self.learner.step
        return step % every == 0 or step == self.recipe.num_steps

    def _log_updates(self) -> None:
        step = self.learner.step
        values = self.meter.flush()
        rate = self.recipe.schedule.build()(step - 1)
        self.log.write("train", step, **values, learning_rate=float(rate))
        self.log.progress(
            step,
            loss=values["loss"],
            accuracy=values["accuracy"],
            **{"images/s": values.get("images_per_second", 0.0)},
        )

    def _probe(self) -> None:
        accuracies = self.prober()
        self.log.write("probe", self.learner.step, **accuracies)
        message = self.prober.alarm(accuracies)
        if message:
            logging.warning("Alarm at step %d: %s", self.learner.step, message)
            self.log.write("alarm", self.learner.step, message=message)

    def _save(self) -> None:
        checkpoint.save(
            self.run_dir / "checkpoints",
            self.learner.step,
            variables=self.learner.variables,
            state=[
                np.stack([part.numpy() for part in self._local(leaf)])
                for leaf in tf.nest.flatten(self.learner.state)
            ],
            worker=self.worker,
        )

    def _local(self, value: Any) -> tuple[Any, ...]:
        return self.distribution.experimental_local_results(value)

    def _make_probe(self) -> probe.Probe | None:
        """The chief alone probes: each replica holds the same weights."""
        if self.recipe.probe is None or self.worker[0] != 0:
            return None
        return probe.Probe(
            self.learner.network,
            self.recipe.probe,
            self.recipe.dataset.train_slice(probe.NUM_IMAGES, data_dir=self.data_dir),
            history=[x for x in metrics.read(self.log.path) if x["kind"] == "probe"],
        )

    def _batches(self) -> Any:
        def make_dataset(shard: tuple[int, int], replicas: int) -> tf.data.Dataset:
            return self.recipe.dataset.train_batches(
                batch_size=self.recipe.batch_size,
                seed=self.recipe.seed,
                start=self.learner.step // self.learner.method.num_replays,
                data_dir=self.data_dir,
                shard=shard,
                replicas=replicas,
            )

        return strategy.distribute_batches(self.distribution, make_dataset)

    def _check(self, batch: Any) -> None:
        """Refuses data or a network that do not fit, before the first update."""
        images, labels = (self._local(part)[0].numpy() for part in batch)
        checks.check_images(images)
        checks.check_labels(labels, self.recipe.dataset.num_classes)
        logit_checks.check_logits(self.learner.network(images[:8], training=False))


def _restore(
    learner: Learner,
    run_dir: pathlib.Path,
    distribution: tf.distribute.Strategy,
) -> None:
    """Takes variables, states and step from the newest checkpoint, if there is one."""
    worker, replicas = (
        strategy.worker(distribution),
        strategy.local_replicas(distribution),
    )
    step, parts = checkpoint.restore(
        run_dir / "checkpoints", variables=learner.variables, worker=worker
    )
    if step == 0:
        return
    for part in parts:
        if part.shape[0] != replicas:
            raise errors.RunError(
                f"The checkpoint holds the state of {part.shape[0]} replicas a worker; "
                f"restart with as many. Received: replicas={replicas}"
            )

    def own_parts() -> Any:
        context = tf.distribute.get_replica_context()
        index = context.replica_id_in_sync_group - worker[0] * replicas
        return [tf.gather(part, index) for part in parts]

    restored = distribution.run(own_parts)
    learner.state = tf.nest.pack_sequence_as(learner.state, restored)
    learner.step = step
    logging.info("Going on from step %d of %s.", step, run_dir)


def _manifest(
    recipe: recipes.Recipe,
    learner: Learner,
    distribution: tf.distribute.Strategy,
    precision: str,
) -> dict[str, Any]:
    weights = learner.network.trainable_variables
    return {
        "recipe": recipes.to_dict(recipe),
        "precision": precision,
        "strategy": type(distribution).__name__,
        "replicas": distribution.num_replicas_in_sync,
        "num_parameters": int(sum(np.prod(v.shape) for v in weights)),
        **manifest.environment(),
    }
