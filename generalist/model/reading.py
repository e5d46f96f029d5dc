"""Reading requests: pictures and instructions, from arrays and words to an ImageCache and a Prefix."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from generalist.model.cache import ImageCache, Prefix
from generalist.model.modeling import GeneralistModel
from generalist.sequence.picture import letterbox, normalise
from generalist.sequence.sample import Sample
from generalist.sequence.task import Task

__all__ = ["read_images", "read_requests"]


@torch.inference_mode()
def read_images(model: GeneralistModel, images: Sequence[NDArray[np.uint8] | None]) -> ImageCache | None:
    """Images (H, W, 3) uint8 of any sizes, read once; grey where there is none, None if there is none at all."""
    if all(image is None for image in images):
        return None
    side = model.config.image_size
    grey = np.full((side, side, 3), 127, np.uint8)
    squares = [grey if image is None else letterbox(image, side) for image in images]
    return model.encode_images(torch.from_numpy(normalise(np.stack(squares))).to(model.device, model.dtype))


@torch.inference_mode()
def read_requests(model: GeneralistModel, task: Task, requests: Sequence[Sample], images: ImageCache | None) -> Prefix:
    """Instructions of requests of one task, read after their images (``images`` holds one for each request, or the one
    that they are all about).

    Raises:
        Fault: a request lacks what the task asks for.
    """
    for request in requests:
        task.frame(request)
    prompts = [task.render(request) for request in requests]
    ids, slot = np.full((2, len(prompts), max(len(prompt.ids) for prompt in prompts)), -1, np.int64)
    place = np.full((*ids.shape, 2), np.nan, np.float32)
    for row, prompt in enumerate(prompts):
        ids[row, : len(prompt.ids)], slot[row, : len(prompt.ids)] = prompt.ids, prompt.label
        place[row, : len(prompt.ids)] = prompt.point
    there = torch.tensor([[request.image is not None] for request in requests], device=model.device)
    words, names, points = (torch.from_numpy(table).to(model.device) for table in (ids, slot, place))
    return model.prefill(images, words, names, None if images is None else there, points)
