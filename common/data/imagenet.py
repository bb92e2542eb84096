"""ImageNet (ILSVRC 2012) from TFDS or from an image folder."""

from __future__ import annotations

import dataclasses
import os
from typing import Any, ClassVar

import numpy as np

from common.data import (
    crops,
    dataset,
    photographs,
    pipeline,
    tensorpack_crops,
    tfds_files,
    unreadable,
)
from common.data.lazy import tf
from common.names import lookup

_TRAINING = {  # preprocessing: crop, random numbers that it takes
    "torchvision": (crops.random_resized_crop, crops.NUM_DRAWS),
    "inception": (crops.distorted_crop, crops.NUM_DISTORTED_DRAWS),
    "tensorpack": (tensorpack_crops.jittered_crop, tensorpack_crops.NUM_DRAWS),
    "alp": (crops.object_crop, crops.NUM_OBJECT_DRAWS),
    "tpu": (crops.object_crop, crops.NUM_OBJECT_DRAWS),
}
_RESIZED = {  # preprocessing: test crop that takes `resize`
    "torchvision": crops.central_crop,
    "tensorpack": tensorpack_crops.central_crop,
    "tpu": crops.central_share,
}
_CENTRAL = {  # preprocessing: test crop without it
    "inception": crops.central_fraction,
    "alp": crops.central_square,
}


@dataclasses.dataclass(frozen=True)
class ImageNet(dataset.Dataset):
    """ImageNet, or any folder of photographs in the same layout.

    The test set is the validation split. `data_dir` is the folder of TFDS, or a folder
    of all photographs in the layout of `folder`, with which it is not used.
    `preprocessing` is one of five protocols (see
    `common.data.crops` and `common.data.tensorpack_crops`):

    `torchvision`. Training: a random crop of 8% to 100% of the area and aspect 3/4 to
    4/3, resized, and a random flip. Test: the shorter side becomes `resize`, then the
    centre is cut out.

    `inception`. Training: a random crop of 10% to 100% of the area and aspect 0.75 to
    1.33, resized, a random flip and distorted colours. Test: the central 87.5% of
    height and of width, resized without regard to its aspect.

    `tensorpack`, of the Feature Denoising code. Training: a random crop of 8% to 100%
    of the area and aspect 0.75 to 1.333, resized as OpenCV does, brightness, contrast,
    saturation and lighting in random order, and a random flip. Test: as `torchvision`,
    resized as OpenCV does.

    `alp`, of adversarial logit pairing, whose ImageNet 64x64 has image_size=64.
    Training: a random crop of 10% to 100% of the area and aspect 0.75 to 1.33, resized
    bicubically, and a random flip. Test: the central square of 87.5% of the shorter
    side, resized.

    `tpu`, of Google's image loader for TPUs. Training: as `alp`. Test: the central
    square of `image_size` of `resize` parts of the shorter side, resized bicubically.

    Attributes:
      image_size: side of the images, in pixels.
      resize: shorter side before the centre crop of a test image, in pixels;
        `inception` and `alp` do without it.
      folder: a folder with train/CLASS/*.JPEG and val/CLASS/*.JPEG, or .jpg or .png,
        where classes are numbered in the order of their names; empty for TFDS
        `imagenet2012`.
      preprocessing: `torchvision`, `inception`, `tensorpack`, `alp` or `tpu`.
      classes: order of the class folders: `sorted`, `numeric`, or a text file with a
        folder a line; has to be said where the first two differ.
    """

    image_size: int = 224
    resize: int = 256
    folder: str = ""
    preprocessing: str = "torchvision"
    classes: str = ""

    name: ClassVar[str] = "imagenet"
    channels: ClassVar[int] = 3

    def __post_init__(self) -> None:
        lookup(_TRAINING, self.preprocessing, "preprocessing of ImageNet")
        if self.image_size < 1:
            raise ValueError(
                "ImageNet.image_size must be at least 1. Received: "
                f"image_size={self.image_size}"
            )
        if self.preprocessing in _RESIZED and self.image_size > self.resize:
            raise ValueError(
                f"ImageNet with preprocessing={self.preprocessing} needs image_size <= "
                f"resize. Received: image_size={self.image_size}, resize={self.resize}"
            )

        if self.classes and not self.folder:
            raise ValueError(
                "ImageNet.classes orders the class folders of ImageNet.folder. "
                f"Received: classes={self.classes}, folder=''"
            )

    @property
    def num_classes(self) -> int:
        """1000, or the number of class folders."""
        if not self.folder:
            return 1_000
        return len(photographs.class_names(self._root, self.classes))

    @property
    def num_train(self) -> int:
        """Number of training photographs."""
        return self._source("train", None).count if self.folder else 1_281_167

    @property
    def num_test(self) -> int:
        """Number of photographs of the validation split, which is the test set here."""
        return self._source("test", None).count if self.folder else 50_000

    def training(
        self, stream: tf.data.Dataset, *, seed: int, data_dir: str | None
    ) -> tf.data.Dataset:
        """Returns batches of random crops, as `preprocessing` has them."""
        source = self._source("train", data_dir)
        crop, num_draws = _TRAINING[self.preprocessing]

        def photograph(epoch: Any, index: Any) -> tuple[Any, Any]:
            encoded, label = source.read(index)
            draws = pipeline.uniform(seed, epoch[None], index[None], num_draws)[0]
            return crop(encoded, draws, self.image_size), label

        rows = stream.unbatch()
        examples = unreadable.loaded(
            rows, photograph, lambda _, index: source.file(index)
        )
        size = stream.element_spec[0].shape[0]
        return examples.batch(size, drop_remainder=True)

    def testing(
        self, rows: np.ndarray, *, batch_size: int, data_dir: str | None
    ) -> tf.data.Dataset:
        """Returns batches of central crops, as `preprocessing` has them."""
        examples = self._centres(self._source("test", data_dir), rows)
        return pipeline.finished(examples.batch(batch_size))

    def train_slice(
        self, num_images: int, *, data_dir: str | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns training photographs, cropped like test images, as NumPy arrays.

        Differs from the sets in memory: they are spread evenly over the training set,
        because a folder begins with a thousand photographs of its first class.
        """
        rows = pipeline.spread(self.num_train, num_images)
        examples = self._centres(self._source("train", data_dir), rows)
        return next(unreadable.batches(examples.batch(len(rows))))

    def _centres(
        self, source: photographs.Source, indices: np.ndarray
    ) -> tf.data.Dataset:
        def photograph(index: Any) -> tuple[Any, Any]:
            encoded, label = source.read(index)
            if self.preprocessing in _RESIZED:
                crop = _RESIZED[self.preprocessing]
                return crop(encoded, self.resize, self.image_size), label
            return _CENTRAL[self.preprocessing](encoded, self.image_size), label

        rows = tf.data.Dataset.from_tensor_slices(indices)
        return unreadable.loaded(rows, photograph, source.file)

    @property
    def _root(self) -> str:
        return os.path.expanduser(self.folder)

    def _source(self, split: str, data_dir: str | None) -> photographs.Source:
        if self.folder:
            part = "val" if split == "test" else split
            return photographs.folder(self._root, part, self.classes)
        root = tfds_files.folder(data_dir)
        prepared, train = (os.path.join(root, x) for x in ("imagenet2012", "train"))
        found: photographs.Source
        if os.path.isdir(train) and not os.path.isdir(prepared):
            # Without photographs for the test it fails before the training.
            tested = photographs.folder(root, "val")
            found = tested if split == "test" else photographs.folder(root, split)
        else:
            published = "validation" if split == "test" else split
            found = photographs.records(root, published)
        expected = self.num_train if split == "train" else self.num_test
        if found.count != expected:
            raise ValueError(
                f"imagenet2012 has {expected} photographs in {split}. Received: "
                f"{found.count} photographs; complete the folder, or prepare it again "
                "in TFDS"
            )
        return found
