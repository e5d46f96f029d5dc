"""Scene: one picture of the generated world, and everything that is true of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from generalist.data.corners import keypoints_of
from generalist.data.footprint import inmost, oriented_of_mask
from generalist.data.raycast import View, normals_of
from generalist.data.solids import Solid
from generalist.sequence.sample import Objects

__all__ = ["Scene"]


@dataclass
class Scene:
    """A picture of the world and everything that is true of it.

    image (H, W, 3) uint8; boxes (n, 4) float32 xyxy pixels, tight around masks (n, H, W) bool of what is visible;
    semantic (H, W) int16, an index into ``SEMANTIC_NAMES``; depth (H, W) float32 metres along the camera's axis,
    0 in the sky; distances (n,) float32 metres from the camera to the middle of each solid; view, what the rays met.

    The rest is worked out from the view when it is first asked for: most requests need none of it.
    """

    index: int
    image: NDArray[np.uint8]
    solids: tuple[Solid, ...]
    boxes: NDArray[np.float32]
    masks: NDArray[np.bool_]
    semantic: NDArray[np.int16]
    depth: NDArray[np.float32]
    distances: NDArray[np.float32]
    view: View = field(repr=False)

    @cached_property
    def normals(self) -> NDArray[np.float32]:
        """(H, W, 3) unit vectors in the camera's axes, out of the surface; zeros in the sky. See ``Sample``."""
        return normals_of(self.view)

    @cached_property
    def oriented(self) -> NDArray[np.float32]:
        """(n, 5): the smallest oriented box around what is visible of each solid. See ``Objects``."""
        return np.stack([oriented_of_mask(mask) for mask in self.masks])

    @cached_property
    def points(self) -> NDArray[np.float32]:
        """(n, 2) xy: a point of what is visible of each solid, as far inside as any."""
        return np.stack([inmost(mask) for mask in self.masks])

    @cached_property
    def keypoints(self) -> NDArray[np.float32]:
        """(n, 8, 3): the corners of the cubes, in the order of ``keypoints_of``; zeros for other solids."""
        return keypoints_of(self.view)

    @cached_property
    def panoptic(self) -> NDArray[np.int16]:
        """(H, W): what each pixel shows: 0 sky, 1 ground, 2 + k solid k."""
        return self.view.ids.reshape(self.depth.shape)

    def objects(self, rows: Sequence[int], names: Sequence[str], *more: str) -> Objects:
        """Solids under the names given, with boxes and masks, and the fields named in ``more``: "oriented",
        "keypoints" or "points"."""
        index = np.asarray(rows, np.int64)
        taken = {name: getattr(self, name)[index] for name in more}
        return Objects(self.boxes[index].reshape(-1, 4), tuple(names), self.masks[index], **taken)
