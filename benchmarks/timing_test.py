"""The order of samples, and the count of passes; nothing here looks at a clock."""

import numpy as np
import tensorflow as tf

from benchmarks import timing
from common.attacks import PGD


def test_rounds_alternate_and_the_first_is_dropped():
    calls = []
    candidates = {name: lambda i, n=name: calls.append((n, i)) for name in "xy"}
    samples = timing.interleaved(candidates, 2)
    warm_up = [("x", 0), ("y", 0)]
    assert calls == [*warm_up, ("x", 0), ("y", 0), ("y", 1), ("x", 1)]
    assert {name: len(seconds) for name, seconds in samples.items()} == {"x": 2, "y": 2}


def test_every_pass_of_an_attack_is_counted():
    images = np.full((2, 4, 4, 1), 100.0, np.float32)

    def logits_fn(x):
        return tf.reshape(x, (-1, 16))[:, :3]

    def run(counted):
        compiled = tf.function(lambda x: PGD(8.0, 2.0, 7)(counted, x, np.int32([0, 1])))
        compiled(tf.constant(images))

    assert timing.count_passes(run, logits_fn) == {"forward": 7, "backward": 7}
    assert not tf.config.functions_run_eagerly()
