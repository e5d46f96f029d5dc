"""What reading a picture costs: the tiny size on 196, 784 and 3,136 patches, in bf16, int8 and thinned, alone and in
batches. Every ratio is of runs in turns, its median and the distance of the quartiles."""

import copy
from collections.abc import Callable, Iterator
from math import log
from time import perf_counter

import numpy as np
import torch

from generalist.app.zipf import REPEATS, Row, told
from generalist.model.config import GeneralistConfig
from generalist.model.modeling import GeneralistModel
from generalist.model.quantised import quantised
from generalist.model.thinning import Thinning

__all__ = ["encoding"]

PATCHES = (196, 784, 3136)


def encoding() -> Iterator[Row]:
    """The rows, one by one: name, median, unit, distance of the quartiles, what of."""
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = GeneralistModel(GeneralistConfig.preset("tiny")).eval().to(device)
    small = quantised(model) if device.type == "cpu" else None
    half = copy.deepcopy(model).bfloat16()
    of, means = f"tiny, {torch.get_num_threads()} threads", []
    for count in PATCHES:
        side = 16 * int(count**0.5)
        one = torch.randn(1, 3, side, side, device=device)
        ways = {"whole": _reader(model, one), "bf16": _reader(half, one.bfloat16())}
        ways |= {f"thin_{keep}": _thin(model, one, keep) for keep in (0.6, 0.4)}
        ways |= {} if small is None else {"int8": _reader(small, one)}
        ways |= {"batch_4": _reader(model, one.expand(4, -1, -1, -1).contiguous())} if count < PATCHES[-1] else {}
        taken = _in_turns(ways, device)
        means.append(float(np.median(taken["whole"])))
        yield told(f"encode_{count}_ms", [1e3 * s for s in taken["whole"]], "ms", f"fp32, one picture, {of}")
        for name in list(ways)[1:]:
            each = 4 if name == "batch_4" else 1
            ratios = [each * a / b for a, b in zip(taken["whole"], taken[name], strict=True)]
            yield told(f"encode_{count}_{name}", ratios, "ratio", f"fp32, whole, one picture over this, {of}")
    growth = np.polyfit([log(n) for n in PATCHES], [log(s) for s in means], 1)[0]
    yield "encode_growth", float(growth), "exponent", None, f"time over patches, fp32, {of}"


def _reader(model: GeneralistModel, pixels: torch.Tensor) -> Callable[[], object]:
    return lambda: model.encode_images(pixels)


def _thin(model: GeneralistModel, pixels: torch.Tensor, keep: float) -> Callable[[], object]:
    def read() -> object:
        model.thinning = Thinning(keep)
        try:
            return model.encode_images(pixels)
        finally:
            model.thinning = None

    return read


@torch.inference_mode()
def _in_turns(ways: dict[str, Callable[[], object]], device: torch.device) -> dict[str, list[float]]:
    """Seconds of every way, a run of each after the other; the first round is not counted."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(REPEATS + 1):
        for name, read in ways.items():
            began = perf_counter()
            read()
            if device.type == "cuda":
                torch.cuda.synchronize()
            if turn:
                taken[name].append(perf_counter() - began)
    return taken
