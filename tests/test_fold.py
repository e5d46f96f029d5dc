"""Folds by law: the parts of a set are disjoint, together they are the set, and they pose what it poses."""

import numpy as np
import pytest

from generalist.data.readers import open_data
from generalist.faults import Fault

WHOLE = "scenes:validation?size=32&length=11"


@pytest.mark.parametrize("count", [2, 3, 11])
def test_parts_are_disjoint_and_together_the_set(count):
    whole = open_data(WHOLE)
    folds = [open_data(f"{WHOLE}&fold={k}/{count}") for k in range(1, count + 1)]
    ids = [[fold.sample(i, "depth").id for i in range(len(fold))] for fold in folds]
    assert sum(ids, []) == [whole.sample(i, "depth").id for i in range(11)]
    for k in range(1, count + 1):
        others = open_data(f"{WHOLE}&besides={k}/{count}")
        assert [others.sample(i, "depth").id for i in range(len(others))] == sum(ids[: k - 1] + ids[k:], [])
        assert others.tasks == whole.tasks and others.classes == whole.classes
    one = folds[0].sample(0, "ask", np.random.default_rng(3))
    assert one.question == whole.sample(0, "ask", np.random.default_rng(3)).question


def test_where_it_stands_among_the_options_does_not_matter():
    for spec in ("scenes:validation?fold=1/2&size=32&length=11", "scenes:validation?size=32&fold=1/2&length=11"):
        data = open_data(spec)
        assert len(data) == 5 and data.sample(0, "depth").size == (32, 32) and data.name == spec
    assert len(open_data("scenes:validation?fold=2/2")) == 2500


@pytest.mark.parametrize("wrong", ["fold=0/3", "fold=4/3", "fold=1", "fold=a/b", "besides=1/1", "fold=1/2&besides=1/2"])
def test_a_part_that_is_none_is_told(wrong):
    with pytest.raises(Fault, match="K/N"):
        open_data(f"{WHOLE}&{wrong}")
    with pytest.raises(Fault, match="none of its 11"):
        open_data(f"{WHOLE}&fold=1/99")
    data = open_data(f"{WHOLE}&fold=1/2")
    with pytest.raises(IndexError):
        data.sample(5, "depth")
