"""Pickles of plain data are read as pickle reads them; nothing else is."""

import os
import pickle
import pickletools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generalist.data.readers.plain_pickle import read_plain_pickle
from generalist.faults import Fault

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.just("x" * 300),
)
PLAIN = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.lists(inner, max_size=5).map(tuple),
        st.dictionaries(st.one_of(st.text("abé"), st.integers()), inner, max_size=5),
    ),
    max_leaves=20,
)


@given(value=PLAIN, protocol=st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_plain_data_comes_back_in_every_protocol(value, protocol, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "plain.p"
    shared = [value, value, {"again": value}]  # written once and fetched from the memo
    path.write_bytes(pickle.dumps(shared, protocol))
    found = read_plain_pickle(path)
    assert found == shared and repr(found) == repr(shared)


PYTHON_2 = b"(lp0\n(dp1\nS'sent'\np2\nS'left \\'man\\''\np3\nsS'ids'\np4\n(lp5\nI3\naL4L\naI01\naF2.5\nasa."
"""[{'sent': "left 'man'", 'ids': [3, 4L, True, 2.5]}], as Python 2 writes it unless told otherwise."""


def test_what_python_2_wrote(tmp_path):
    (tmp_path / "refs(unc).p").write_bytes(PYTHON_2)
    assert read_plain_pickle(tmp_path / "refs(unc).p") == [{"sent": "left 'man'", "ids": [3, 4, True, 2.5]}]
    (tmp_path / "2.p").write_bytes(b"\x80\x02]q\x00}q\x01U\x04sentq\x02U\x05caf\xe9!q\x03sa.")
    assert read_plain_pickle(tmp_path / "2.p") == [{"sent": "café!"}]


class Program:
    """What an attacker writes: a call that is made by whoever loads the file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_program_is_refused_and_does_not_run(tmp_path, protocol):
    made = tmp_path / "made"
    (tmp_path / "evil.p").write_bytes(pickle.dumps([1, {"a": Program(made)}], protocol))
    with pytest.raises(Fault, match=r"evil\.p: byte \d+ is the instruction (STACK_)?GLOBAL, which plain data does not"):
        read_plain_pickle(tmp_path / "evil.p")
    assert not made.exists()
    pickle.loads(pickle.dumps(Program(made), protocol))
    assert made.exists()  # the file would have done it


PLAIN_NAMES = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "STRING", "BINSTRING", "SHORT_BINSTRING",
    "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "NONE", "NEWTRUE", "NEWFALSE", "UNICODE", "SHORT_BINUNICODE",
    "BINUNICODE", "BINUNICODE8", "FLOAT", "BINFLOAT", "EMPTY_LIST", "APPEND", "APPENDS", "LIST", "EMPTY_TUPLE", "TUPLE",
    "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_DICT", "DICT", "SETITEM", "SETITEMS", "POP", "DUP", "MARK", "POP_MARK", "GET",
    "BINGET", "LONG_BINGET", "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "PROTO", "STOP", "FRAME",
}  # fmt: skip


@pytest.mark.parametrize("opcode", [o for o in pickletools.opcodes if o.name not in PLAIN_NAMES], ids=lambda o: o.name)
def test_every_other_instruction_is_refused(tmp_path, opcode):
    path = tmp_path / "a.p"
    path.write_bytes(b"\x80\x04" + opcode.code.encode("latin-1") + b"\0" * 8 + b"os\nsystem\n.")
    with pytest.raises(Fault, match=f"byte 2 is the instruction {opcode.name},"):
        read_plain_pickle(path)


@settings(max_examples=200)
@given(content=st.binary(max_size=60), plain=PLAIN, cut=st.integers(0, 200))
def test_broken_files_are_faults_and_nothing_worse(content, plain, cut, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "broken.p"
    for whole in (content, pickle.dumps(plain)[:cut] + content):
        path.write_bytes(whole)
        try:
            read_plain_pickle(path)
        except Fault as fault:
            assert "broken.p" in str(fault) and "\n" not in str(fault)


def test_keys_are_plain_too(tmp_path):
    (tmp_path / "a.p").write_bytes(pickle.dumps({(1, 2): 3}))
    with pytest.raises(Fault, match="a key that is neither a string nor a number"):
        read_plain_pickle(tmp_path / "a.p")
    with pytest.raises(Fault, match="there is no such file"):
        read_plain_pickle(tmp_path / "b.p")
