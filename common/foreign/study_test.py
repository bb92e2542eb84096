"""Studies of tiny networks: what is recorded, skipped and refused."""

import contextlib
import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from common import attacks
from common.evaluation import accuracy
from common.foreign import classifiers, folders, study
from common.results import measured

ATTACKS = {"fgsm_8": attacks.FGSM(8.0), "fgsm_16": attacks.FGSM(16.0)}


@pytest.fixture
def images(tmp_path):
    rng = np.random.default_rng(0)
    rows = ["file,class_index"]
    for i in range(9):
        pixels = tf.constant(rng.integers(0, 256, (16, 16, 3)), tf.uint8)
        (tmp_path / f"{i}.jpg").write_bytes(tf.io.encode_jpeg(pixels).numpy())
        rows.append(f"{i}.jpg,{i % 7}")
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    return folders.photographs(tmp_path, 14)


def save(path, size, seed):
    keras.utils.set_random_seed(seed)
    keras.Sequential(
        [
            keras.Input((size, size, 3)),
            keras.layers.AveragePooling2D(2),
            keras.layers.Flatten(),
            keras.layers.Dense(7, activation="softmax"),
        ]
    ).save(path)


@pytest.fixture
def networks(tmp_path):
    save(tmp_path / "one.keras", 14, seed=1)
    save(tmp_path / "two.keras", 8, seed=2)
    specs = (f"{tmp_path}/{name}.keras?pixels=unit" for name in ("one", "two"))
    return [classifiers.classifier(spec) for spec in specs]


def run(networks, images, folder, *, known=ATTACKS, **settings):
    settings = {"transfers": ("fgsm_16",), "batch_size": 5, **settings}
    study.study(networks, images, known, folder, **settings)
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.json")}


def test_every_network_attack_and_pair_is_recorded(networks, images, tmp_path):
    folder = tmp_path / "records"
    run(networks, images, folder, seed=3)
    one, two = networks
    for source, target in ((one, two), (two, one)):
        found = measured.Run(folder / source.name)
        names = ("clean", "fgsm_8", "fgsm_16", f"fgsm_16_to_{target.name}")
        assert set(found.evaluations) == set(names)
        for name in names:
            content = found.evaluation(name).record
            assert content["evaluation"] == name and content["seed"] == 3
            assert content["network"] == source.record
            assert content["images"] == images.record
            assert "tensorflow" in content["versions"]
            assert str(tmp_path) not in json.dumps(content)
        assert content["target"] == target.name
        assert content["target_network"] == target.record
        ((pixels, labels),) = images.test_batches(batch_size=9)
        for name, attack in {"clean": None, **ATTACKS}.items():
            shown = attack(source.logits_fn, pixels, labels) if attack else pixels
            right = np.argmax(source.logits_fn(shown), -1) == labels
            np.testing.assert_array_equal(found.survived(name), right)
        right = np.argmax(target.logits_fn(shown), -1) == labels
        np.testing.assert_array_equal(found.survived(names[-1]), right)


def test_what_is_done_is_kept_and_what_is_missing_is_added(
    networks, images, tmp_path, capsys
):
    folder = tmp_path / "records"
    first = run(networks, images, folder)
    assert "two: fgsm_16_to_one" in capsys.readouterr().out
    assert run(networks, images, folder) == first
    assert capsys.readouterr().out == ""
    gone = folder / "two" / "evaluations" / "fgsm_8.json"
    gone.unlink()
    again = run(networks, images, folder)
    assert {path for path in again if again[path] != first[path]} == {gone}


def test_other_weights_images_or_seeds_are_measured_again(networks, images, tmp_path):
    folder = tmp_path / "records"
    first = run(networks, images, folder)
    save(tmp_path / "two.keras", 8, seed=5)
    spec = f"{tmp_path}/two.keras?pixels=unit"
    changed = run([networks[0], classifiers.classifier(spec)], images, folder)
    kept = {path for path in first if first[path] == changed[path]}
    evaluations = folder / "one" / "evaluations"
    assert kept == {evaluations / f"{n}.json" for n in ("clean", "fgsm_8", "fgsm_16")}
    smaller = folders.photographs(tmp_path, 12)
    for settings in ({"images": smaller}, {"images": images, "seed": 1}):
        latest = run(networks[:1], folder=folder, **settings)
        assert all(latest[path] != changed[path] for path in kept)
        changed = latest
    other = {**ATTACKS, "fgsm_8": attacks.FGSM(4.0)}
    latest = run(networks[:1], images, folder, known=other, seed=1)
    different = {path for path in latest if latest[path] != changed[path]}
    assert different == {evaluations / "fgsm_8.json"}


def test_progress_is_kept_for_each_attack_network_and_images(
    networks, images, tmp_path, monkeypatch
):
    one, folder = networks[:1], tmp_path / "records"
    whole, asked = accuracy.evaluate, []

    def evaluate(*args, progress_file, progress_key, **settings):
        asked.append((progress_file.name, json.dumps(progress_key)))
        return whole(
            *args, progress_file=progress_file, progress_key=progress_key, **settings
        )

    monkeypatch.setattr(accuracy, "evaluate", evaluate)
    run(one, images, folder, transfers=())
    names, keys = zip(*asked, strict=True)
    assert names == tuple(f"{n}.progress.npz" for n in ("clean", *ATTACKS))
    assert len(set(keys)) == 3 and all(one[0].record["sha256"] in k for k in keys)


def test_names_must_differ_and_attacks_be_known(networks, images, tmp_path):
    with pytest.raises(ValueError, match=r"add \?name=. Received: names=one, one"):
        run([networks[0]] * 2, images, tmp_path)
    with pytest.raises(ValueError, match=r"Unknown attack. Received: pdg"):
        run(networks, images, tmp_path, transfers=("pdg",))


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_is_one_that_attacks_take(networks, images, tmp_path, seed):
    with pytest.raises(ValueError, match=rf"below 2\*\*32. Received: seed={seed}$"):
        run(networks, images, tmp_path, seed=seed)


def test_networks_of_other_classes_are_refused_before_any_work(
    networks, images, tmp_path
):
    spec = f"{tmp_path}/two.keras?pixels=unit&background=first"
    with pytest.raises(ValueError, match=r"Received: one with 7, two with 6$"):
        run([networks[0], classifiers.classifier(spec)], images, tmp_path / "records")
    assert not (tmp_path / "records").exists()


def test_labels_must_be_classes_of_the_network(networks, images, tmp_path):
    table = tmp_path / "labels.csv"
    header, first, *rows = table.read_text().splitlines()
    file, _, _ = first.partition(",")
    table.write_text("\n".join([header, f"{file},7", *rows]) + "\n")
    wrong = folders.photographs(tmp_path, 14)
    with pytest.raises(ValueError, match=r"class_index=7, one with 7 classes$"):
        run(networks, wrong, tmp_path / "records")


def test_a_doubt_stands_in_the_record_and_is_said_each_time(
    networks, images, tmp_path, capsys
):
    wrong = dataclasses.replace(images, labels=(images.labels + 1) % 7)
    answers = networks[0].logits_fn(next(iter(images.test_batches(batch_size=9)))[0])
    knows = dataclasses.replace(images, labels=np.argmax(answers, -1).astype(np.int32))
    for labelled, doubtful in ((wrong, True), (wrong, True), (knows, False)):
        run(
            networks[:1],
            labelled,
            tmp_path / f"records{doubtful}",
            known={},
            transfers=(),
        )
        found = measured.Run(tmp_path / f"records{doubtful}" / "one")
        assert ("warnings" in found.evaluation("clean").record) == doubtful
        said = capsys.readouterr().err
        assert ("warning: one: clean accuracy" in said) == doubtful


def test_replicas_count_what_one_device_counts(images, tmp_path, two_replicas):
    save(tmp_path / "one.keras", 14, seed=1)
    counts = []
    for distribution in (None, two_replicas):
        scope = distribution.scope() if distribution else contextlib.nullcontext()
        with scope:
            found = classifiers.classifier(f"{tmp_path}/one.keras?pixels=unit")
        folder = tmp_path / f"records{len(counts)}"
        run([found], images, folder, distribution=distribution, transfers=())
        one = measured.Run(folder / "one")
        counts.append([one.survived(name).tolist() for name in ("clean", *ATTACKS)])
    assert counts[0] == counts[1]


def test_class_folders_must_be_the_classes_of_the_network(networks, tmp_path):
    (tmp_path / "classes" / "cat").mkdir(parents=True)
    pixels = tf.zeros((16, 16, 3), tf.uint8)
    file = tmp_path / "classes" / "cat" / "a.jpg"
    file.write_bytes(tf.io.encode_jpeg(pixels).numpy())
    images = folders.photographs(tmp_path / "classes", 14)
    with pytest.raises(
        ValueError, match=r"background=first.* 1 folders, one with 7 classes"
    ):
        run(networks, images, tmp_path / "records")
