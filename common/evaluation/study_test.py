"""Studies of tiny networks: what is recorded, skipped and refused."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from common import attacks
from common.evaluation import folders, foreign, study
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
def classifiers(tmp_path):
    save(tmp_path / "one.keras", 14, seed=1)
    save(tmp_path / "two.keras", 8, seed=2)
    specs = (f"{tmp_path}/{name}.keras?pixels=unit" for name in ("one", "two"))
    return [foreign.classifier(spec) for spec in specs]


def run(classifiers, images, folder, *, known=ATTACKS, **settings):
    settings = {"transfers": ("fgsm_16",), "batch_size": 5, **settings}
    study.study(classifiers, images, known, folder, **settings)
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.json")}


def test_every_network_attack_and_pair_is_recorded(classifiers, images, tmp_path):
    folder = tmp_path / "records"
    run(classifiers, images, folder, seed=3)
    one, two = classifiers
    for source, target in ((one, two), (two, one)):
        found = measured.Run(folder / source.name)
        names = ("clean", "fgsm_8", "fgsm_16", f"fgsm_16_to_{target.name}")
        assert set(found.evaluations) == set(names)
        for name in names:
            record = found.evaluation(name).record
            assert record["evaluation"] == name and record["seed"] == 3
            assert record["network"] == source.record
            assert record["images"] == images.record
            assert "tensorflow" in record["versions"]
            assert str(tmp_path) not in json.dumps(record)
        assert record["target"] == target.name
        assert record["target_network"] == target.record
        ((pixels, labels),) = images.test_batches(batch_size=9)
        for name, attack in {"clean": None, **ATTACKS}.items():
            shown = attack(source.logits_fn, pixels, labels) if attack else pixels
            right = np.argmax(source.logits_fn(shown), -1) == labels
            np.testing.assert_array_equal(found.survived(name), right)
        right = np.argmax(target.logits_fn(shown), -1) == labels
        np.testing.assert_array_equal(found.survived(names[-1]), right)


def test_what_is_done_is_kept_and_what_is_missing_is_added(
    classifiers, images, tmp_path, capsys
):
    folder = tmp_path / "records"
    first = run(classifiers, images, folder)
    assert "two: fgsm_16_to_one" in capsys.readouterr().out
    assert run(classifiers, images, folder) == first
    assert capsys.readouterr().out == ""
    gone = folder / "two" / "evaluations" / "fgsm_8.json"
    gone.unlink()
    again = run(classifiers, images, folder)
    assert {path for path in again if again[path] != first[path]} == {gone}


def test_other_weights_images_or_seeds_are_measured_again(
    classifiers, images, tmp_path
):
    folder = tmp_path / "records"
    first = run(classifiers, images, folder)
    save(tmp_path / "two.keras", 8, seed=5)
    spec = f"{tmp_path}/two.keras?pixels=unit"
    changed = run([classifiers[0], foreign.classifier(spec)], images, folder)
    kept = {path for path in first if first[path] == changed[path]}
    evaluations = folder / "one" / "evaluations"
    assert kept == {evaluations / f"{n}.json" for n in ("clean", "fgsm_8", "fgsm_16")}
    smaller = folders.photographs(tmp_path, 14, resize=14)
    for settings in ({"images": smaller}, {"images": images, "seed": 1}):
        latest = run(classifiers[:1], folder=folder, **settings)
        assert all(latest[path] != changed[path] for path in kept)
        changed = latest
    other = {**ATTACKS, "fgsm_8": attacks.FGSM(4.0)}
    latest = run(classifiers[:1], images, folder, known=other, seed=1)
    different = {path for path in latest if latest[path] != changed[path]}
    assert different == {evaluations / "fgsm_8.json"}


def test_names_must_differ_and_attacks_be_known(classifiers, images, tmp_path):
    with pytest.raises(ValueError, match=r"add \?name=. Received: names=one, one"):
        run([classifiers[0]] * 2, images, tmp_path)
    with pytest.raises(ValueError, match=r"Unknown attack. Received: pdg"):
        run(classifiers, images, tmp_path, transfers=("pdg",))


def test_class_folders_must_be_the_classes_of_the_network(classifiers, tmp_path):
    (tmp_path / "classes" / "cat").mkdir(parents=True)
    pixels = tf.zeros((16, 16, 3), tf.uint8)
    file = tmp_path / "classes" / "cat" / "a.jpg"
    file.write_bytes(tf.io.encode_jpeg(pixels).numpy())
    images = folders.photographs(tmp_path / "classes", 14)
    with pytest.raises(ValueError, match="1 folders, one with 7 classes"):
        run(classifiers, images, tmp_path / "records")
