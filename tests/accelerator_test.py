"""On an accelerator: `pytest -m gpu`. Elsewhere the same is tested piece by piece."""

import json

import numpy as np
import pytest

from common import attacks, backend, cli, engine, models
from free_at import PAPER

pytestmark = pytest.mark.gpu


def test_a_recipe_is_trained_and_evaluated_there(tmp_path):
    words = ("cifar10_free_2", "--scale=digits", f"--workdir={tmp_path}")
    short = ("--set=num_steps=4",)
    for command in ("train", "evaluate"):
        assert cli.main(PAPER, [PAPER.name, command, *words, *short]) == cli.GOOD
    for path in tmp_path.rglob("evaluations/*.json"):
        record = json.loads(path.read_text())
        assert record["hardware"] == engine.accelerators()
        assert record["total"] == 500
    assert len(list(tmp_path.rglob("evaluations/*.json"))) > 1


def test_a_compiled_attack_steps_as_an_uncompiled_one():
    assert engine.accelerators(), "none is seen"
    network = models.WideResNet(depth=8, width=1).build(10, 32)
    images = np.random.default_rng(0).uniform(0, 255, (64, 32, 32, 3))
    labels = np.arange(64) % 10

    def stepped(images, labels):
        return attacks.FGSM(8.0)(lambda x: network(x, training=False), images, labels)

    compiled = np.asarray(backend.compiled(stepped)(images, labels))
    plain = np.asarray(stepped(images, labels))
    assert np.mean(np.abs(compiled - plain) < 1e-2) > 0.98
