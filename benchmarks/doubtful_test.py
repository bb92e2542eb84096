"""What is counted of doubtful networks: libraries made here, on a linear network."""

import keras
import numpy as np
import pytest
from keras import ops

from benchmarks import double_head, doubtful, peers, records, trained
from common.attacks import FGSM, PGD

EPSILON = 8.0
SHAPE = (4, 4, 1)


@pytest.fixture(name="found")
def fixture_found():
    """Returns a linear network, and images that it has right."""
    rng = np.random.default_rng(0)
    network = keras.Sequential(
        [
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(
                3, kernel_initializer=keras.initializers.RandomNormal(0.0, 1.0, seed=1)
            ),
        ]
    )
    images = rng.uniform(20, 235, (40, *SHAPE)).astype(np.float32)
    labels = np.asarray(ops.argmax(network(images), -1), np.int32)
    attack = PGD(epsilon=EPSILON, step_size=2.0, num_steps=20)
    return trained.Trained(network, images, labels, attack, "a linear network")


def shown(found):
    return doubtful.networks(found.logits_fn, found.logits_fn)


@pytest.fixture(name="libraries", autouse=True)
def fixture_libraries(monkeypatch):
    """Puts libraries that do nothing, go too far, and fail in place of the others."""

    def failing(*_):
        raise ImportError("no module\nand more")

    def with_change(change):
        return lambda *_: lambda images, labels: np.clip(images + change, 0, 255)

    made = {"idle": with_change(0), "far": with_change(9), "broken": failing}
    monkeypatch.setattr(doubtful, "LIBRARIES", made)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (doubtful.FLOAT32, ""),
        ("cast to uint8 at the input", "GradientError"),
        ("stop_gradient for dark images", "are right and have no gradient"),
        ("softmax at the end", "every row is non-negative and sums to 1"),
    ],
)
def test_the_suite_counts_or_says_why_not(found, name, said, monkeypatch):
    monkeypatch.setattr(
        doubtful, "DARK", float(np.median(found.images.mean((1, 2, 3))))
    )
    cell = doubtful.left_right(peers.OURS, shown(found)[name], FGSM(EPSILON), found)
    assert said in cell.said if said else not cell.said
    assert (cell.count is None) == (said not in ("", "are right and have no gradient"))
    first = doubtful.left_right(peers.OURS, found.logits_fn, FGSM(EPSILON), found)
    assert 0 <= first.count < first.total == 40
    if not said:
        assert cell.count <= first.count


def test_every_doubtful_network_has_the_classes_of_the_first(found):
    for name, logits_fn in shown(found).items():
        right = peers.is_right(logits_fn, found.images, found.labels).mean()
        assert right >= (0.9 if "input" in name else 1.0), name


def test_libraries_are_counted_checked_and_excused(found):
    cells = {
        name: doubtful.left_right(name, found.logits_fn, FGSM(EPSILON), found)
        for name in doubtful.LIBRARIES
    }
    assert (cells["idle"].count, cells["idle"].said) == (40, "")
    assert cells["far"].count is None
    assert "change=9" in cells["far"].said
    assert cells["broken"].said == "ImportError: no module"


def test_half_precision_changes_layers_and_not_weights(found):
    weights = [w.copy() for w in found.network.get_weights()]
    answers = np.asarray(found.logits_fn(found.images))
    half = doubtful.in_half(found.network)
    halves = np.asarray(half(found.images))
    assert halves.dtype == np.float16
    assert 0 < np.abs(halves - answers).max() < 0.02
    for before, after in zip(weights, half.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_tables_have_every_network_and_library(found, monkeypatch):
    monkeypatch.setattr(trained, "load", lambda *_: found)
    monkeypatch.setattr(doubtful, "in_half", lambda network: network)
    cell = records.Cell(1, 40)
    monkeypatch.setattr(doubtful, "left_right", lambda *_: cell)
    fgsm, pgd, signs = doubtful.measure("runs", num_images=40)
    for table in (fgsm, pgd):
        assert list(table.cells) == list(shown(found))
        for columns in table.cells.values():
            assert list(columns) == ["clean", peers.OURS, *doubtful.LIBRARIES]
    assert "FGSM with epsilon 8" in fgsm.setting
    assert "PGD-10 with epsilon 8 and steps of 2" in pgd.setting
    assert len(signs.cells) == 8


def test_both_gradients_are_of_one_sign_where_cross_entropy_has_one(found):
    networks = {
        "unsure": found.logits_fn,
        "too sure": lambda images: 1e4 * found.logits_fn(images),
    }
    cells = double_head.counts(networks, FGSM(EPSILON), found).cells
    unsure = cells["unsure, less than 0.99999 sure"]
    assert unsure[double_head.IMAGES].count == 40
    assert unsure[double_head.SIGNS].total == 40 * 16
    assert unsure[double_head.SIGNS].count == unsure[double_head.SIGNS].total
    assert unsure[double_head.OURS] == unsure[double_head.THEIRS]
    assert unsure[double_head.OURS].count < 40
    too_sure = cells["too sure, all images"]
    assert too_sure[double_head.SIGNS].count < too_sure[double_head.SIGNS].total
    assert too_sure[double_head.OURS].count < too_sure[double_head.THEIRS].count
    assert cells["too sure, less than 0.99999 sure"][double_head.IMAGES].count < 40


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("m.keras", "pixels="),
        ("m.keras?pixels=percent", "one of raw, unit, tf"),
        ("MobileNet:m.keras?pixels=raw", "option of MobileNet"),
        ("none.keras?pixels=raw", "No such file"),
    ],
)
def test_a_saved_model_is_named_with_its_pixels(tmp_path, spec, reason):
    (tmp_path / "m.keras").write_bytes(b"")
    spec = spec.replace("m.keras", str(tmp_path / "m.keras"))
    with pytest.raises((ValueError, FileNotFoundError), match=reason):
        trained.said(spec)
