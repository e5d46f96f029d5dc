"""Album: pictures as a model has read them. The ones asked last are kept, and are not read again."""

import hashlib
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generalist.data.images import load_image
from generalist.model.cache import ImageCache
from generalist.sequence.sample import Answer

if TYPE_CHECKING:
    from generalist.app.generalist import Generalist

__all__ = ["Album", "Picture"]


@dataclass(slots=True)
class Picture:
    """An image that has been read. Ask it things: ``picture("depth")``."""

    owner: "Generalist"
    name: str | None
    pixels: NDArray[np.uint8]
    cache: ImageCache

    def __call__(self, instruction: str, *, task: str | None = None, **fields: Any) -> Answer:
        """As ``Generalist.__call__``, without reading the image again."""
        return self.owner(instruction, self, task=task, **fields)

    def answers(self, instructions: Sequence[str], *, task: str | None = None, **fields: Any) -> list[Answer]:
        """As ``Generalist.answers``, without reading the image again."""
        return self.owner.answers(instructions, self, task=task, **fields)


class Album:
    """At most ``room`` pictures, by what they are of; the one that was not asked for longest leaves first."""

    def __init__(self, room: int):
        self.room = room
        self._held: OrderedDict[Hashable, Picture] = OrderedDict()

    @staticmethod
    def key(image: Any, way: Hashable = None) -> Hashable:
        """What an image is known by: a file by its path, time and size, so that one written anew is another; pixels by
        what they are. Anything else is known to nobody. way: how it is read, if that may change."""
        if isinstance(image, (str, Path)):
            path = Path(image)
            try:
                state = path.stat()
            except OSError:
                return object()  # whoever opens it will say what is wrong
            return way, str(path.absolute()), state.st_mtime_ns, state.st_size
        if isinstance(image, Image.Image):
            image = load_image(image)
        if isinstance(image, np.ndarray):
            whole = np.ascontiguousarray(image).data
            return way, image.shape, image.dtype.str, hashlib.blake2b(whole, digest_size=16).digest()
        return object()

    def get(self, key: Hashable) -> Picture | None:
        if key in self._held:
            self._held.move_to_end(key)
        return self._held.get(key)

    def put(self, key: Hashable, picture: Picture) -> Picture:
        if type(key) is not object:
            self._held[key] = picture
        while len(self._held) > self.room:
            self._held.popitem(last=False)
        return picture

    def clear(self) -> None:
        """Forgets all pictures, as a model has to whose weights have changed."""
        self._held.clear()

    def __len__(self) -> int:
        return len(self._held)
