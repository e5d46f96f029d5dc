"""Compiled by law: what is read is what would have been read; without a compiler that is told."""

import copy
import shutil

import numpy as np
import pytest
import torch
from test_decode import requests

from generalist.app.generalist import Generalist
from generalist.faults import Fault
from generalist.model.compiled import compile_reading
from generalist.sequence.task import load_tasks
from generalist.sequence.vocabulary import Vocabulary


@pytest.mark.skipif(not any(map(shutil.which, ("g++", "clang++"))), reason="no C++ compiler")
def test_a_compiled_model_answers_as_it_did(small_model):
    vocabulary = Vocabulary.load("tiny")
    plain = Generalist(small_model, vocabulary, load_tasks(vocabulary))
    quick = Generalist(copy.deepcopy(small_model), vocabulary, plain.tasks)
    compile_reading(quick.model)
    pixels = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        a, b = plain.model.encode_images(pixels), quick.model.encode_images(pixels)
    assert a.grid == b.grid
    for x, y in zip(a.features, b.features, strict=True):
        torch.testing.assert_close(x, y, atol=1e-4, rtol=1e-4)
    for (k, v), (m, w) in zip(a.past, b.past, strict=True):
        torch.testing.assert_close(k, m, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(v, w, atol=1e-4, rtol=1e-4)
    for x, y in zip(plain.answer("detect", requests(3)), quick.answer("detect", requests(3)), strict=True):
        assert x.labels == y.labels
        np.testing.assert_allclose(x.boxes, y.boxes, atol=1e-2)


def test_without_a_compiler_that_is_told(small_model, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(Fault, match="needs a C\\+\\+ compiler"):
        compile_reading(small_model)
