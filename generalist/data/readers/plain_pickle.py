"""Plain pickles: lists, dictionaries, strings and numbers read from a pickle file without unpickling it.

A pickle is a program, and ``pickle.load`` runs it: whoever wrote the file may call any function. Files of plain data
need none of that. Here the instructions are listed by ``pickletools``, which runs nothing, and those that build
containers, strings and numbers are carried out; any other, such as GLOBAL or REDUCE, refuses the file.
"""

import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from generalist.faults import Fault

__all__ = ["read_plain_pickle"]

_MARK = object()

_VALUES = frozenset({
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES",
    "BINBYTES8",
})  # fmt: skip
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False, "EMPTY_LIST": list, "EMPTY_DICT": dict,
    "EMPTY_TUPLE": tuple, "MARK": lambda: _MARK,
}  # fmt: skip
_STORES = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
_FETCHES = frozenset({"GET", "BINGET", "LONG_BINGET"})
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_NOTHING = frozenset({"PROTO", "FRAME"})


def read_plain_pickle(path: Path) -> Any:
    """What a pickle of plain data holds, of any protocol.

    Raises:
        Fault: the file is missing or broken, or does more than build plain data; names the instruction and its place.
    """
    try:
        return _built(path)
    except FileNotFoundError as error:
        raise Fault(f"{path}: there is no such file") from error
    except Fault:
        raise
    except (OSError, ValueError, IndexError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Fault(
            f"{path}: not a readable pickle ({' '.join(str(error).split()) or type(error).__name__})"
        ) from error


def _built(path: Path) -> Any:
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    with path.open("rb") as file:
        for instruction, argument, place in pickletools.genops(file):
            name = instruction.name
            if name == "STOP":
                (whole,) = stack
                return whole
            if name in _VALUES:
                stack.append(argument)
            elif name in _CONSTANTS:
                stack.append(_CONSTANTS[name]())
            elif name in _STORES:
                memo[int(argument)] = stack[-1]  # type: ignore[arg-type]
            elif name == "MEMOIZE":
                memo[len(memo)] = stack[-1]
            elif name in _FETCHES:
                stack.append(memo[int(argument)])  # type: ignore[arg-type]
            elif name in _TUPLES:
                parts = [stack.pop() for _ in range(_TUPLES[name])][::-1]
                stack.append(tuple(parts))
            elif name in _GATHERED:
                _GATHERED[name](stack, _since_mark(stack))
            elif name == "APPEND":
                _extend(stack, [stack.pop()])
            elif name == "SETITEM":
                value, key = stack.pop(), stack.pop()
                _update(stack, [key, value])
            elif name == "POP":
                stack.pop()
            elif name == "DUP":
                stack.append(stack[-1])
            elif name not in _NOTHING:
                raise Fault(
                    f"{path}: byte {place} is the instruction {name}, which plain data does not need: the file is not "
                    "read, because a pickle can run any program"
                )
    raise ValueError("it ends without STOP")


def _since_mark(stack: list[Any]) -> list[Any]:
    parts: list[Any] = []
    while (part := stack.pop()) is not _MARK:
        parts.append(part)
    return parts[::-1]


def _extend(stack: list[Any], parts: list[Any]) -> None:
    if type(stack[-1]) is not list:
        raise TypeError("items for what is no list")
    stack[-1].extend(parts)


def _update(stack: list[Any], parts: list[Any]) -> None:
    if type(stack[-1]) is not dict:
        raise TypeError("items for what is no dictionary")
    stack[-1].update(_entries(parts))


def _entries(parts: list[Any]) -> dict[Any, Any]:
    # Only plain keys: the hash of a tuple in a tuple in a tuple... goes as deep as the file likes.
    if not all(isinstance(key, str | bytes | int | float | None) for key in parts[::2]):
        raise TypeError("a key that is neither a string nor a number")
    return dict(zip(parts[::2], parts[1::2], strict=True))


_GATHERED: dict[str, Callable[[list[Any], list[Any]], None]] = {
    "LIST": lambda stack, parts: stack.append(parts),
    "TUPLE": lambda stack, parts: stack.append(tuple(parts)),
    "DICT": lambda stack, parts: stack.append(_entries(parts)),
    "APPENDS": _extend,
    "SETITEMS": _update,
    "POP_MARK": lambda stack, parts: None,
}
