"""Five updates of Free training as they have always been."""

import keras
import numpy as np
import tensorflow as tf

from common import data, models
from common.training import optimizers
from free_at.algorithm import FreeTraining

LOSSES = (2.573223, 2.360655, 2.115364, 1.855939, 1.691687)


def losses():
    """Returns the losses of five updates: three minibatches, two replays of each."""
    keras.utils.set_random_seed(0)
    network = models.WideResNet(depth=8, width=1).build(10, 8, channels=1)
    optimizer = optimizers.Momentum(0.9).build(0.1)
    trained = FreeTraining(num_replays=2, epsilon=40.0).build(
        network, optimizer, l2=2e-4, num_replicas=1
    )
    update = tf.function(trained.train_step)
    batches = iter(data.Digits().train_batches(batch_size=16, seed=0))
    state = trained.initial_state((16, 8, 8, 1))
    found = []
    for step in range(5):
        if step % trained.num_replays == 0:
            batch = next(batches)
        metrics, state = update(batch, state, tf.constant(step, tf.int64))
        found.append(float(metrics["loss"]))
    return found


def test_five_updates_at_seed_0_have_these_losses():
    """A difference means another order, initialisation, network or algorithm.

    Where that is meant, `python -m free_at.golden_test` prints the new losses.
    """
    np.testing.assert_allclose(losses(), LOSSES, rtol=0, atol=1e-4)


if __name__ == "__main__":
    print(tuple(round(loss, 6) for loss in losses()))
