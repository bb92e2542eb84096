"""Tests of the crops against NumPy and Pillow."""

import io
import os

import numpy as np
import pytest
import sklearn
import tensorflow as tf
from PIL import Image

from common.data import bicubic, colour, crops

_PHOTOGRAPHS = os.path.join(os.path.dirname(sklearn.__file__), "datasets", "images")


@pytest.fixture(params=["china.jpg", "flower.jpg"])
def photograph(request):
    """The bytes of a 640x427 photograph that ships inside scikit-learn."""
    with open(os.path.join(_PHOTOGRAPHS, request.param), "rb") as file:
        return file.read()


def _ramp(height, width):
    """A PNG whose red is its row and whose green its column."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = np.arange(height)[:, None]
    image[..., 1] = np.arange(width)[None]
    return tf.io.encode_png(image).numpy()


def _torchvision_window(height, width, draws):
    """The window of torchvision's RandomResizedCrop, with these random numbers."""
    areas, aspects, tops, lefts = np.reshape(draws, (4, 10)).astype(float)
    for k in range(10):
        area = height * width * (0.08 + 0.92 * areas[k])
        low, high = np.log(3 / 4), np.log(4 / 3)
        aspect = np.exp(low + aspects[k] * (high - low))
        w, h = round((area * aspect) ** 0.5), round((area / aspect) ** 0.5)
        if 0 < w <= width and 0 < h <= height:
            return (
                int(tops[k] * (height - h + 1)),
                int(lefts[k] * (width - w + 1)),
                h,
                w,
            )
    h, w = height, width
    if width / height < 3 / 4:
        h = round(width / (3 / 4))
    elif width / height > 4 / 3:
        w = round(height * (4 / 3))
    return (height - h) // 2, (width - w) // 2, h, w


@pytest.mark.parametrize(
    ("height", "width"), [(375, 500), (80, 400), (333, 20), (1, 9)]
)
def test_training_windows_equal_those_of_torchvision(height, width):
    all_draws = np.random.default_rng(0).uniform(size=(50, 40)).astype(np.float32)
    shape = tf.constant([height, width])
    for draws in all_draws:
        found = crops.crop_window(shape, tf.constant(draws)).numpy()
        assert tuple(found) == _torchvision_window(height, width, draws)


def _pillow_crop(encoded, window, size, flip):
    top, left, height, width = window
    box = left, top, left + width, top + height
    image = Image.open(io.BytesIO(encoded)).convert("RGB").crop(box)
    pixels = np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))
    return pixels[:, ::-1] if flip else pixels


@pytest.mark.parametrize("flip", [False, True])
def test_a_training_crop_equals_pillow(photograph, flip):
    draws = np.random.default_rng(2).uniform(size=crops.NUM_DRAWS).astype(np.float32)
    draws[0] = 0.25 if flip else 0.75
    found = crops.random_resized_crop(photograph, tf.constant(draws), 64).numpy()
    window = crops.crop_window(tf.constant([427, 640]), tf.constant(draws[1:])).numpy()
    expected = _pillow_crop(photograph, window, 64, flip)
    assert found.shape == (64, 64, 3) and found.dtype == np.float32
    # Pillow rounds after each axis; decoding a part differs at its border.
    np.testing.assert_allclose(found[1:-1, 1:-1], expected[1:-1, 1:-1], atol=2)


def test_a_test_crop_equals_pillow(photograph):
    found = crops.central_crop(photograph, 256, 224).numpy()
    image = Image.open(io.BytesIO(photograph)).convert("RGB")
    resized = image.resize((256 * 640 // 427, 256), Image.Resampling.BILINEAR)
    left, top = round((resized.width - 224) / 2), round((resized.height - 224) / 2)
    expected = np.asarray(resized)[top : top + 224, left : left + 224]
    assert found.shape == (224, 224, 3) and found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1.01)


@pytest.mark.parametrize(
    ("height", "width"), [(200, 240), (240, 200), (64, 64), (40, 250), (30, 41)]
)
def test_a_test_crop_is_the_centre_after_resizing_the_shorter_side(height, width):
    crop = crops.central_crop(_ramp(height, width), 32, 24).numpy()
    for axis, length in enumerate((height, width)):
        resized = 32 * length // min(height, width)
        pixels = round((resized - 24) / 2) + np.arange(24)
        expected = (pixels + 0.5) * length / resized - 0.5  # the ramp at pixel centres
        np.testing.assert_allclose(
            crop.mean(axis=1 - axis)[:, axis], expected, atol=0.1
        )


def _distorted_windows(height, width, count):
    draws = np.random.default_rng(4).uniform(size=(count, 2)).astype(np.float32)
    shape = tf.constant([height, width])
    return np.array([crops.distorted_window(shape, tf.constant(d)) for d in draws])


def _accepted_windows(height, width, count):
    """Heights and widths by the documented law: rejected until they fit."""
    rng, found = np.random.default_rng(5), []
    while len(found) < count:
        aspect = rng.uniform(0.75, 1.33)
        smallest = round((0.05 * height * width / aspect) ** 0.5)
        largest = min(height, int((width + 0.5) / aspect))
        h = rng.integers(smallest, largest + 1)
        if h * round(h * aspect) >= 0.1 * height * width:
            found.append((h, round(h * aspect)))
    return np.array(found)


@pytest.mark.parametrize(("height", "width"), [(375, 500), (500, 333), (120, 400)])
def test_distorted_windows_follow_their_law(height, width):
    windows = _distorted_windows(height, width, 800)
    top, left, h, w = windows.T
    assert windows.min() >= 0 and (h >= 1).all() and (w >= 1).all()
    assert (top + h <= height).all() and (left + w <= width).all()
    area = h * w / (height * width)
    # Asked to be 5% of the image, but a tenth of the object, which is all of it.
    assert 0.1 <= area.min() < 0.11 and area.max() <= 1
    aspect = w / h
    rounding = 1 / h.min()
    assert 0.75 - rounding <= aspect.min() < 0.77
    assert 1.31 < aspect.max() <= 1.33 + rounding
    expected = _accepted_windows(height, width, 20_000)
    areas = expected.prod(axis=1) / (height * width)
    assert abs(area.max() - areas.max()) < 0.05
    levels = np.linspace(0.05, 0.95, 10)
    for found, twin in ((h, expected[:, 0]), (area, areas)):
        below = np.mean(found[:, None] <= np.quantile(twin, levels), axis=0)
        np.testing.assert_allclose(below, levels, atol=0.06)  # over 3 deviations
    for place, room in ((top, height - h), (left, width - w)):
        share = place[room > 20] / room[room > 20]
        assert abs(share.mean() - 0.5) < 0.05 and share.min() < 0.05
        assert share.max() > 0.95


@pytest.mark.parametrize(("height", "width"), [(1, 500), (500, 1), (4, 90)])
def test_an_image_without_a_fitting_window_is_taken_whole(height, width):
    windows = _distorted_windows(height, width, 5)
    np.testing.assert_array_equal(windows, [[0, 0, height, width]] * 5)


def _draws(*, flip=0.75, thread=0, colours=(0.5, 0.5, 0.5, 0.5), window=(0.3, 0.6)):
    return tf.constant([*window, flip, (thread + 0.5) / 4, *colours], tf.float32)


def test_the_window_follows_from_both_of_its_draws_and_no_other():
    shape = tf.constant([375, 500])
    windows = [
        tuple(crops.distorted_window(shape, tf.constant(draws)).numpy())
        for draws in ([0.3, 0.6], [0.3, 0.6], [0.3, 0.6 + 2**-23], [0.3 + 2**-23, 0.6])
    ]
    assert windows[0] == windows[1] and len(set(windows)) == 3
    assert len(_draws()) == crops.NUM_DISTORTED_DRAWS


def _noise(height, width):
    rng = np.random.default_rng(6)
    return rng.integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(
    ("thread", "method", "contrast_first"),
    [
        (0, "bilinear", False),
        (1, "nearest", True),
        (2, "cubic of OpenCV", False),
        (3, "area", True),
    ],
)
def test_the_thread_decides_resizing_and_order(thread, method, contrast_first, flip):
    image, colours = _noise(90, 120), (0.1, 0.8, 0.3, 0.9)
    encoded = tf.io.encode_png(image)
    draws = _draws(flip=0.25 if flip else 0.75, thread=thread, colours=colours)
    found = crops.distorted_crop(encoded, draws, 40).numpy()
    window = crops.distorted_window(tf.constant([90, 120]), draws[:2]).numpy()
    top, left, height, width = window
    crop = image[top : top + height, left : left + width].astype(np.float32)
    if method == "cubic of OpenCV":
        resized = bicubic.resized(crop, [40, 40])
    else:
        resized = tf.image.resize(crop, [40, 40], method=method)
    resized = resized[:, :: -1 if flip else 1]
    expected = colour.distorted(resized, draws[4:], contrast_first=contrast_first)
    assert found.shape == (40, 40, 3) and found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-3)
    other = colour.distorted(resized, draws[4:], contrast_first=not contrast_first)
    assert np.abs(found - other).max() > 1


def test_a_distorted_crop_of_a_jpeg_equals_pillow(photograph):
    draws = _draws(thread=1)  # nearest, colours unchanged
    found = crops.distorted_crop(photograph, draws, 64).numpy()
    window = crops.distorted_window(tf.constant([427, 640]), draws[:2]).numpy()
    top, left, height, width = window
    pixels = np.asarray(Image.open(io.BytesIO(photograph)).convert("RGB"))
    rows = top + ((np.arange(64) + 0.5) * height / 64).astype(int)
    columns = left + ((np.arange(64) + 0.5) * width / 64).astype(int)
    expected = pixels[rows][:, columns]
    np.testing.assert_allclose(found[1:-1, 1:-1], expected[1:-1, 1:-1], atol=2)


@pytest.mark.parametrize(
    ("height", "width"), [(200, 240), (240, 201), (64, 64), (17, 250), (1, 3)]
)
def test_the_central_fraction_is_resized_without_regard_to_aspect(height, width):
    found = crops.central_fraction(_ramp(height, width), 32).numpy()
    assert found.shape == (32, 32, 3) and found.dtype == np.float32
    top, left = int(height * 0.125 / 2), int(width * 0.125 / 2)
    image = np.asarray(Image.open(io.BytesIO(_ramp(height, width))))
    centre = image[top : height - top, left : width - left]
    expected = tf.image.resize(centre.astype(np.float32), [32, 32], method="bilinear")
    np.testing.assert_allclose(found, expected, atol=1e-3)
    for axis, (margin, length) in enumerate(((top, height), (left, width))):
        inner = length - 2 * margin
        places = margin + (np.arange(32) + 0.5) * inner / 32 - 0.5
        places = np.clip(places, margin, length - margin - 1)  # at the border
        ramp = found.mean(axis=1 - axis)[:, axis]
        np.testing.assert_allclose(ramp, places, atol=1e-3)


@pytest.mark.parametrize("flip", [False, True])
def test_a_crop_of_an_object_is_its_window_resized_then_flipped(flip):
    image, shape = _noise(90, 120), tf.constant([90, 120])
    draws = tf.constant([0.3, 0.6, 0.25 if flip else 0.75])
    found = crops.object_crop(tf.io.encode_png(image), draws, 16).numpy()
    top, left, height, width = crops.distorted_window(
        shape, draws[:2], smallest=0.08, attempts=10
    ).numpy()
    resized = bicubic.resized(image[top : top + height, left : left + width], [16, 16])
    assert found.shape == (16, 16, 3) and found.dtype == np.float32
    np.testing.assert_allclose(found, resized[:, :: -1 if flip else 1], atol=1e-3)


def test_fewer_attempts_take_more_images_whole():
    shape = tf.constant([30, 120])  # few of the windows fit
    whole = {
        attempts: sum(
            int(crops.distorted_window(shape, draw, attempts=attempts)[3]) == 120
            for draw in tf.random.stateless_uniform([40, 2], seed=[0, 0])
        )
        for attempts in (1, 100)
    }
    assert whole[1] > whole[100] + 5


@pytest.mark.parametrize(("height", "width"), [(200, 240), (240, 201), (64, 64)])
def test_the_central_square_is_seven_eighths_of_the_shorter_side(height, width):
    image = np.asarray(Image.open(io.BytesIO(_ramp(height, width))))
    side = int(0.875 * min(height, width))
    top, left = (height - side + 1) // 2, (width - side + 1) // 2
    square = image[top : top + side, left : left + side]
    found = crops.central_square(_ramp(height, width), 32).numpy()
    assert found.shape == (32, 32, 3) and found.dtype == np.float32
    np.testing.assert_allclose(found, bicubic.resized(square, [32, 32]), atol=1e-3)


@pytest.mark.parametrize(
    ("resize", "image_size", "side"), [(256, 224, 210), (40, 30, 180), (331, 299, 216)]
)
def test_the_central_share_is_the_part_of_the_shorter_side(resize, image_size, side):
    found = crops.central_share(_ramp(240, 250), resize, image_size)
    image = np.asarray(Image.open(io.BytesIO(_ramp(240, 250))))
    top, left = (240 - side + 1) // 2, (250 - side + 1) // 2
    square = image[top : top + side, left : left + side]
    expected = bicubic.resized(square, [image_size, image_size])
    np.testing.assert_allclose(found, expected, atol=1e-3)
