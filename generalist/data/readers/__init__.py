"""Readers, one a format. ``open_data("voc:PATH:SPLIT")`` gives a Dataset; ``READERS`` is the list of formats."""

import os
import re
from collections.abc import Callable
from pathlib import Path

from generalist.data.readers.beir import Beir
from generalist.data.readers.captions import Captions
from generalist.data.readers.coco import Coco
from generalist.data.readers.coded import Coded
from generalist.data.readers.corpora import corpus
from generalist.data.readers.dataset import Dataset, Spec, nearest
from generalist.data.readers.dota import Dota
from generalist.data.readers.fold import folded, parted
from generalist.data.readers.generated import Generated
from generalist.data.readers.huggingface import HuggingFace
from generalist.data.readers.instancemaps import InstanceMaps
from generalist.data.readers.jsonl import Jsonl
from generalist.data.readers.kilt import Kilt
from generalist.data.readers.labelmaps import LabelMaps
from generalist.data.readers.refcoco import RefCoco
from generalist.data.readers.requested import Requested
from generalist.data.readers.rgbd import Rgbd
from generalist.data.readers.selfsupervised import SelfSupervised
from generalist.data.readers.voc import Voc
from generalist.data.readers.vqa import Vqa
from generalist.data.readers.yolo import Yolo
from generalist.faults import Fault

__all__ = ["READERS", "Dataset", "Spec", "corpus", "open_data"]

READERS: dict[str, Callable[[Spec], Dataset]] = {
    "beir": Beir,
    "captions": Captions,
    "coco": Coco,
    "corpus": SelfSupervised,
    "dota": Dota,
    "hf": HuggingFace,
    "instancemaps": InstanceMaps,
    "jsonl": Jsonl,
    "kilt": Kilt,
    "labelmaps": LabelMaps,
    "refcoco": RefCoco,
    "requests": Requested,
    "rgbd": Rgbd,
    "scenes": Generated,
    "voc": Voc,
    "vqa": Vqa,
    "yolo": Yolo,
}


def open_data(spec: str) -> Dataset:
    """The set that ``READER:PATH[:SPLIT][?option=value&...]`` names; ``scenes[:SPLIT]`` needs no path. Environment
    variables in it, such as ``${DATA}``, are filled in. Of any set ``fold=K/N`` is the K-th of N consecutive parts, and
    ``besides=K/N`` all the others; any that asks for documents has the option ``codes=INDEX``, see ``Coded``.

    Raises Fault if there is no such reader, path, split or option, naming those that there are.
    """
    spec = os.path.expandvars(spec)
    if unset := re.search(r"\$\{?(\w+)", spec):
        raise Fault(f"{spec}: the environment variable {unset[1]} is not set: set it to the folder of your data")
    reader = spec.partition(":")[0].partition("?")[0]
    if reader not in READERS:
        there = ", ".join(READERS)
        raise Fault(f"{spec}: there is no reader {reader!r}{nearest(reader, READERS)} There are {there}")
    if reader != "scenes" and not spec.removeprefix(reader).partition("?")[0].strip(":"):
        raise Fault(f"{spec}: a path is missing, {reader}:PATH[:SPLIT]")
    whole, part = folded(spec)
    found = Spec.parse(whole)
    codes = found.options.pop("codes", None)
    data = READERS[reader](found)
    coded = data if codes is None else Coded(data, Path(codes))
    return coded if part is None else parted(coded, part, spec)
