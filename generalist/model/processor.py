"""The processor: text and pictures as people have them, to the tensors that ``GeneralistModel.generate`` reads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from transformers import BatchFeature, ProcessorMixin
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from generalist.faults import Fault
from generalist.sequence.picture import letterbox, normalise

__all__ = ["GeneralistProcessor", "Picture"]

Picture = NDArray[np.uint8] | Image.Image | str | Path
"""An image (H, W, 3) uint8, a PIL image, or the path of one."""


class GeneralistProcessor(ProcessorMixin):
    """Instructions and pictures to tensors, after Hugging Face's conventions (``AutoProcessor`` finds it).

    Args:
        tokenizer: of the model's vocabulary.
        image_size: edge of the square that pictures are fitted into, in pixels.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, image_size: int = 128):
        super().__init__(tokenizer)  # type: ignore[no-untyped-call]
        self.image_size = image_size

    @property
    def model_input_names(self) -> list[str]:
        return ["input_ids", "attention_mask", "pixel_values"]

    def __call__(
        self,
        images: Picture | Sequence[Picture] | None = None,
        text: str | Sequence[str] | None = None,
        return_tensors: str | None = "pt",
        **_: Any,
    ) -> BatchFeature:
        """What is there of both, as tensors.

        ``text``: R instructions, to ``input_ids`` and ``attention_mask`` (R, T) int64: each instruction and then the
        start token, after which an answer is written; shorter ones are padded on the left.
        ``images``: R pictures, to ``pixel_values`` (R, 3, side, side) float32 in [-1, 1], each scaled to fit the square
        at its top left.

        Raises:
            Fault: neither is given, their numbers differ, or a picture is none.
        """
        if text is None and images is None:
            raise Fault("processor: give text, images or both")
        data: dict[str, Any] = {}
        if text is not None:
            data |= self._instructions([text] if isinstance(text, str) else list(text))
        if images is not None:
            one = isinstance(images, (np.ndarray, Image.Image, str, Path))
            data["pixel_values"] = self._pictures([images] if one else list(images))  # type: ignore[list-item, arg-type]
        if len({len(rows) for rows in data.values()}) > 1:
            counts = len(data["input_ids"]), len(data["pixel_values"])
            raise Fault(f"processor: {counts[0]} texts and {counts[1]} images: give each image its text")
        return BatchFeature(data, tensor_type=return_tensors)

    def _instructions(self, texts: list[str]) -> dict[str, NDArray[np.int64]]:
        tokenizer = self.tokenizer
        rows = [[*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.bos_token_id] for text in texts]
        longest = max(map(len, rows), default=0)
        padded = [[tokenizer.pad_token_id] * (longest - len(row)) + row for row in rows]
        there = [[0] * (longest - len(row)) + [1] * len(row) for row in rows]
        return {"input_ids": np.asarray(padded, np.int64), "attention_mask": np.asarray(there, np.int64)}

    def _pictures(self, images: list[Picture]) -> NDArray[np.float32]:
        return normalise(np.stack([letterbox(_pixels(image), self.image_size) for image in images]))


def _pixels(image: Picture) -> NDArray[np.uint8]:
    """The picture (H, W, 3) uint8; one that a camera turned is turned back."""
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise Fault(f"processor: a picture is (height, width, 3) uint8, not {image.shape} {image.dtype}")
        return image
    try:
        opened = image if isinstance(image, Image.Image) else Image.open(image)
        return np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
    except (OSError, ValueError, SyntaxError) as error:
        raise Fault(f"{image}: not a picture that can be read: {error}") from error
