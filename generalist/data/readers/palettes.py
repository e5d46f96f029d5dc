"""Class names of label maps that come without a list of their own, in the order of their indices."""

__all__ = ["PALETTES"]

PALETTES = {
    # Badrinarayanan et al. 2017 (SegNet): the eleven classes that CamVid is reported on; index 11 is void.
    "camvid": (
        "sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist",
    ),
}  # fmt: skip
