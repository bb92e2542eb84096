"""Where the seconds of a reproduction go."""

import json
import os

from benchmarks import seconds


def test_seconds_are_of_updates_evaluations_and_what_is_left(tmp_path):
    folder = tmp_path / "free_at" / "digits" / "cifar10_natural"
    (folder / "evaluations").mkdir(parents=True)
    (folder / "recipe.json").write_text(json.dumps({"recipe": {}}))
    end = {"kind": "end", "step": 1, "training_minutes": 0.5}
    (folder / "metrics.jsonl").write_text(json.dumps(end) + "\n")
    records = {"pgd_100": {"seconds": 20}, "pgd_20": {"seconds": 20, "beginning_of": 1}}
    for name, record in records.items():
        whole = {"accuracy": 50.0, "total": 2, "correct": 1, **record}
        (folder / "evaluations" / f"{name}.json").write_text(json.dumps(whole))
    for path in folder.rglob("*.json*"):
        os.utime(path, (1_000, 1_000))
    os.utime(folder / "evaluations" / "pgd_20.json", (1_060, 1_060))
    found = seconds.seconds(tmp_path, "free_at", "digits")
    assert found == (1, 30.0, 20.0, 10.0, 60.0)
    assert seconds.seconds(tmp_path, "smooth_at", "digits") == (0, 0, 0, 0, 0)
