"""Sets: what is compared. For each its task, its splits in the project's own words, and the figures that count."""

from dataclasses import dataclass

__all__ = ["SETS", "Set"]


@dataclass(frozen=True)
class Set:
    """``spec`` is a reader's, with places for the folder of all sets and for a split; ``train`` and ``test`` are the
    splits. recipe: ours for it, of ``recipes/real``. figures: those of the task's metrics that are compared, the first
    being the one that decides. flips: how a picture may be mirrored without becoming another: "across", "both" ways, or
    by half a "turn". ours: the task that ours is asked, if it answers the same in another spelling. how: options
    of ``generalist eval`` by which ours is asked as the specialist is."""

    name: str
    task: str
    recipe: str
    spec: str
    train: str
    test: str
    figures: tuple[str, ...]
    flips: str = "across"
    ours: str = ""
    how: tuple[str, ...] = ()

    def data(self, folder: str, split: str) -> str:
        """The spec of one split, as ``open_data`` and ``generalist eval --data`` take it."""
        return self.spec.format(folder, split)

    def holds(self, spec: str) -> bool:
        """Whether ``spec`` is this set's test split, in whatever folder."""
        head, tail = self.spec.format("|", self.test).split("|/")
        return spec.startswith(head) and spec.endswith(f"/{tail}")


SETS = {
    found.name: found
    for found in (
        Set("bccd", "detect", "bccd", "voc:{}/bccd/BCCD:{}", "train", "val", ("AP50", "AP"), "both"),
        # Cards have letters and numbers on them, which a mirror spoils, and no top.
        Set("cards", "detect", "playing_cards", "voc:{}/playing_cards:{}", "train", "test", ("AP50", "AP"), "turn"),
        Set("pennfudan", "instances", "pennfudan", "instancemaps:{}/pennfudan:{}?name=pedestrian&held=12", "train",
            "test", ("AP50", "AP"), ours="instances_pixels"),
        Set("camvid", "segment", "camvid", "labelmaps:{}/camvid:{}?classes=camvid", "train", "val", ("mIoU",)),
        # A vocabulary points at 64 names at most, so of the 129 each request names 64, those in the picture among
        # them. Both sides are asked the same.
        Set("coco_mini", "segment", "coco_mini", "labelmaps:{}/coco_mini/semantic_segmentation:{}?labels=64", "train",
            "val", ("mIoU",)),
        Set("7scenes", "depth", "seven_scenes", "rgbd:{}/depth_7scenes:{}", "train", "test", ("AbsRel", "delta1"),
            how=("--flip-test",)),  # its specialist answers with the mean of two looks, after its paper
        Set("ucm", "caption", "ucm", "captions:{}/ucm_captions:{}", "train", "val", ("CIDEr-D",)),
        Set("vqa_rad", "ask", "vqa_rad", "vqa:{}/vqa_rad:{}?type=closed", "train", "val", ("accuracy",)),
    )
}  # fmt: skip
