"""What is printed for people holds every number that the answer does."""

import numpy as np
import pytest

from generalist.app.report import print_answer
from generalist.sequence.sample import Answer

BOX = np.asarray([[11, 12, 33, 44]], np.float32)
ONE = np.asarray([0.75], np.float32)
TURNED = np.asarray([[21.5, 22.5, 13.5, 7.5, -31.5]], np.float32)
POINTS = np.asarray([[[101, 102, 2], [103, 104, 1], [105, 106, 0]]], np.float32)
FACING = np.asarray([[[0, 0, -1], [0, 0, -1], [0.1, -0.9, 0.2], [0, 0, 0]]], np.float32)


@pytest.mark.parametrize(
    ("answer", "told", "untold"),
    [
        (Answer("detect", boxes=BOX, labels=("cup",), scores=ONE), ["cup", "0.75", "11.0", "44.0"], ["pixels"]),
        (Answer("detect", boxes=BOX, labels=("cup",), scores=ONE / 9), ["nothing found", "1 score"], ["cup"]),
        (Answer("refer", boxes=BOX, scores=ONE / 9), ["0.08", "11.0"], ["nothing"]),
        (Answer("oriented", boxes=BOX, oriented=TURNED, labels=("cup",), scores=ONE), ["21.5", "-31.5"], ["44.0"]),
        (Answer("pose", boxes=BOX, keypoints=POINTS, labels=("cup",), scores=ONE), ["101,102  (103,104)  -"], ["105"]),
        (Answer("point", points=BOX[:, :2], labels=("[cup]",), scores=ONE), ["[cup]", "12.0"], ["33"]),
        (Answer("box_to_mask", masks=np.ones((1, 4, 3), bool), scores=ONE), ["pixels", "12", "0.75"], ["y1"]),
        (Answer("normals", normals=FACING, scores=ONE), ["us", "66.7%", "up", "33.3%"], ["left", "0.75"]),
        (Answer("count", names=("cup", "dog"), number=3, text="3", scores=ONE), ["cup, dog: 3", "(0.75)"], []),
        (Answer("classify", text="cup", labels=("cup",), scores=ONE), ["cup", "(0.75)"], []),
        (
            Answer("grounded_caption", text="a cup here", phrases=((0, 5, (0,)),), boxes=BOX, scores=ONE),
            ["a cup  ", "0.75", "33.0", "a cup here"],
            ["(0.75)"],
        ),
        (Answer("grounded_caption", text="nothing", phrases=(), boxes=BOX[:0], scores=ONE[:0]), ["no phrase"], []),
    ],
)
def test_every_kind_of_answer_is_printed(answer, told, untold, capsys):
    print_answer(answer, least=0.3)
    out = capsys.readouterr().out
    for words in told:
        assert words in out
    for words in untold:
        assert words not in out
