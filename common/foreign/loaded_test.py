"""What is said of a model: its pixels, its size, and the output that is no class."""

import keras
import numpy as np
import pytest

from common.foreign import loaded, specs

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3)).astype(np.float32)


def model(shape=(4, 4, 3)):
    return keras.Sequential(
        [keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(3)]
    )


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        ("raw", IMAGES),
        ("unit", IMAGES / 255),
        ("tf", IMAGES / 127.5 - 1),
        ("caffe", IMAGES[..., ::-1] - [103.939, 116.779, 123.68]),
        ("torch", (IMAGES / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]),
        (lambda images: images + 1.0, IMAGES + 1),
    ],
)
def test_images_become_what_the_model_takes(pixels, expected):
    found = loaded.of_model(model(), pixels)
    np.testing.assert_allclose(found.images(IMAGES), expected, rtol=1e-5, atol=1e-4)
    assert found.input.shape == (4, 4, 3)


def test_the_background_is_dropped():
    answers = np.arange(6.0).reshape(2, 3)
    for background, kept in (("", answers), ("first", answers[:, 1:])):
        found = loaded.of_model(model(), "raw", background=background)
        np.testing.assert_array_equal(found.classes(answers), kept)
    with pytest.raises(ValueError, match="first or last, not second"):
        loaded.of_model(model(), "raw", background="second")


def test_a_model_without_a_size_is_told_one():
    images = keras.Input((None, None, 1))
    pooled = keras.layers.GlobalAveragePooling2D()(images)
    free = keras.Model(images, keras.layers.Dense(3)(pooled))
    with pytest.raises(ValueError, match="say image_size=SIDE"):
        loaded.of_model(free, "raw")
    found = loaded.of_model(free, "raw", image_size="5x7")
    assert found.input.shape == (5, 7, 1)


def test_batch_norm_is_frozen_where_the_string_says_so(tmp_path):
    norm = keras.layers.BatchNormalization()
    inner = keras.Sequential([keras.Input((4, 4, 3)), norm])
    outer = keras.Sequential([keras.Input((4, 4, 3)), inner, *model().layers])
    outer.save(tmp_path / "with.keras")
    model().save(tmp_path / "without.keras")

    def loaded_as(text):
        return loaded.load(specs.parse(f"{tmp_path}/{text}", loaded.OPTIONS)).model

    assert len(loaded_as("with.keras?pixels=raw").trainable_weights) == 4
    frozen = loaded_as("with.keras?pixels=raw&frozen=batch_norm")
    assert len(frozen.trainable_weights) == 2
    with pytest.raises(ValueError, match="no BatchNormalization that could be frozen"):
        loaded_as("without.keras?pixels=raw&frozen=batch_norm")
    with pytest.raises(ValueError, match=r"frozen=\. Received: norm"):
        loaded_as("with.keras?pixels=raw&frozen=norm")


def test_what_keras_raises_is_one_line_with_what_was_done():
    with (
        pytest.raises(ValueError, match=r"^Cannot adopt it: one two$"),
        loaded.explained("adopt it"),
    ):
        raise RuntimeError("one\n two")
