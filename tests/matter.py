"""The solids of the generated world as inequalities, in double precision, to check the ray caster by."""

import numpy as np

from generalist.data.solids import Solid


def inside(solid: Solid, point: np.ndarray, slack: float = 0.0) -> np.ndarray:
    """Which points (3, M) are within ``slack`` metres of the inside of a solid."""
    x, y, z = point[0] - solid.x, point[1] - solid.y, point[2]
    level = (z >= -slack) & (z <= solid.height + slack)
    if solid.shape == "sphere":
        return np.sqrt(x * x + y * y + (z - solid.girth) ** 2) <= solid.girth + slack
    if solid.shape == "cube":
        u, v = np.cos(solid.yaw) * x + np.sin(solid.yaw) * y, np.cos(solid.yaw) * y - np.sin(solid.yaw) * x
        return level & (np.maximum(np.abs(u), np.abs(v)) <= solid.girth + slack)
    reach = solid.girth if solid.shape == "cylinder" else solid.girth * (1 - z / solid.height)
    return level & (np.hypot(x, y) <= reach + slack)
