"""The automaton: a pattern as two integer tables, so that a step over every image and track is two gathers.

``class_of[token]`` (V,) puts tokens that no state tells apart into one class; ``next[state, class]`` (S, C) is the
state after a token, 0 where it is not allowed. State 0 is the dead one, 1 the start; ``accept[state]`` says that an
answer may end there. An answer that could end or go on ends with the end token, so "done" is always a state with no
way out.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from generalist.sequence.pattern import Chain, Choice, Pattern, Repeat, Span

__all__ = ["START", "Allowed", "Automaton", "Constraint", "State", "compile_pattern"]

DEAD, START = 0, 1


@dataclass(frozen=True, slots=True)
class State:
    """Where each of R rows stands after ``step`` tokens: ``rows`` is an array (R,) or whatever the constraint keeps."""

    rows: Any
    step: int


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may come next: ``columns`` (C,) are the only ids possible in any row, ``mask`` (R, C) which in each row."""

    columns: Any
    mask: Any


class Constraint(Protocol):
    """What a decoder may write. Rows are tracks or beams; arrays are numpy or torch, as the constraint was made."""

    @property
    def bound(self) -> int:
        """No answer is longer than this."""

    def start(self, rows: int) -> State: ...
    def allowed(self, state: State) -> Allowed: ...
    def advance(self, state: State, ids: Any) -> State: ...
    def reorder(self, state: State, rows: Any) -> State: ...
    def done(self, state: State) -> Any: ...


@dataclass(frozen=True, eq=False)
class Automaton:
    """The tables, and the Constraint that they are. Arrays are numpy until ``on`` moves them elsewhere."""

    class_of: Any
    next: Any
    accept: Any
    bound: int
    columns_at: tuple[Any, ...]
    """Ids possible in any state at each step, known when compiled: no device has to be asked."""

    def on(self, convert: Callable[[NDArray[Any]], Any]) -> "Automaton":
        """The same automaton with every table passed through ``convert``, e.g. to a device."""
        return replace(
            self,
            class_of=convert(self.class_of),
            next=convert(self.next),
            accept=convert(self.accept),
            columns_at=tuple(convert(columns) for columns in self.columns_at),
        )

    def start(self, rows: int) -> State:
        return State(self.class_of[:1].repeat(rows) * 0 + START, 0)

    def allowed(self, state: State) -> Allowed:
        columns = self.columns_at[min(state.step, len(self.columns_at) - 1)]
        return Allowed(columns, self.next[state.rows][:, self.class_of[columns]] != DEAD)

    def advance(self, state: State, ids: Any) -> State:
        """States after ``ids`` (R,). A row that is done stays where it is, whatever it is fed."""
        after = self.next[state.rows, self.class_of[ids]]
        ended = self.done(state)
        return State(after * ~ended + state.rows * ended, state.step + 1)

    def reorder(self, state: State, rows: Any) -> State:
        return State(state.rows[rows], state.step)

    def done(self, state: State) -> Any:
        """(R,) bool: rows whose answer is complete."""
        return self._final[state.rows]

    @cached_property
    def _final(self) -> Any:
        return self.accept & ((self.next != DEAD).sum(1) == 0)

    def states(self, ids: Iterable[int]) -> list[int]:
        """The state before each token and after the last, from the start."""
        out = [START]
        for token in ids:
            out.append(int(self.next[out[-1], self.class_of[token]]))
        return out

    def accepts(self, ids: Iterable[int]) -> bool:
        """Whether ``ids`` is a whole answer."""
        return bool(self.accept[self.states(ids)[-1]])

    @cached_property
    def ranges(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """For each state, the ids allowed in it as (start, stop) runs, in order."""
        return tuple(self._runs(state) for state in range(len(self.next)))

    def _runs(self, state: int) -> tuple[tuple[int, int], ...]:
        open_ = np.concatenate([[False], np.asarray(self.next[state] != DEAD)[self.class_of], [False]])
        edges = np.flatnonzero(open_[1:] != open_[:-1])
        return tuple((int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True))


def compile_pattern(pattern: Pattern, size: int, end: int) -> Automaton:
    """Tables of a pattern over a vocabulary of ``size`` ids; ``end`` closes answers that could go on.

    Subset construction over the Thompson automaton; the classes are the runs between the edges of all spans.
    """
    automaton = _tables(pattern, size)
    goes_on = automaton.accept & ((automaton.next != DEAD).any(1))
    if goes_on.any():
        automaton = _tables(Chain((pattern, Span(end, end + 1))), size)
    return automaton


class _Graph:
    """Thompson's construction: ``moves[node]`` are (span, node) pairs, ``free[node]`` moves that write nothing."""

    def __init__(self) -> None:
        self.moves: list[list[tuple[Span, int]]] = []
        self.free: list[list[int]] = []

    def node(self) -> int:
        self.moves.append([])
        self.free.append([])
        return len(self.moves) - 1

    def add(self, pattern: Pattern, at: int) -> int:
        """Adds ``pattern`` after node ``at``; returns the node where it has been written."""
        match pattern:
            case Span():
                stop = self.node()
                self.moves[at].append((pattern, stop))
                return stop
            case Chain(parts):
                for part in parts:
                    at = self.add(part, at)
                return at
            case Choice(parts):
                stop = self.node()
                for part in parts:
                    # Each alternative starts at a node of its own: a repeat inside it must not leak into the others.
                    start = self.node()
                    self.free[at].append(start)
                    self.free[self.add(part, start)].append(stop)
                return stop
            case Repeat(part, low, high):
                stop = self.node()
                for count in range(high):
                    if count >= low:
                        self.free[at].append(stop)
                    at = self.add(part, at)
                self.free[at].append(stop)
                return stop

    def closure(self, nodes: Iterable[int]) -> frozenset[int]:
        seen, todo = set(nodes), list(nodes)
        while todo:
            for node in self.free[todo.pop()]:
                if node not in seen:
                    seen.add(node)
                    todo.append(node)
        return frozenset(seen)


def _tables(pattern: Pattern, size: int) -> Automaton:
    graph = _Graph()
    first = graph.node()
    last = graph.add(pattern, first)
    edges = sorted({0, size} | {edge for moves in graph.moves for span, _ in moves for edge in (span.start, span.stop)})
    class_of = np.repeat(np.arange(len(edges) - 1), np.diff(edges)).astype(np.int64)
    start = graph.closure([first])
    number = {frozenset(): DEAD, start: START}
    table: list[list[int]] = [[DEAD] * (len(edges) - 1)]
    todo = [start]
    for subset in todo:
        reached: list[set[int]] = [set() for _ in range(len(edges) - 1)]
        for node in subset:
            for span, after in graph.moves[node]:
                for c in range(class_of[span.start], class_of[span.stop - 1] + 1):
                    reached[c].add(after)
        row = []
        for nodes in reached:
            after_ = graph.closure(nodes)
            if after_ not in number:
                number[after_] = len(number)
                todo.append(after_)
            row.append(number[after_])
        table.append(row)
    accept = np.asarray([last in subset for subset in number])
    return _bounded(class_of, np.asarray(table, np.int64), accept)


def _bounded(class_of: NDArray[np.int64], table: NDArray[np.int64], accept: NDArray[np.bool_]) -> Automaton:
    """Walks the states level by level: the ids possible at each step, and the length of the longest answer."""
    columns, level = [], {START}
    while level:
        alive = (table[sorted(level)] != DEAD).any(0)
        if not alive.any():
            break
        columns.append(np.flatnonzero(alive[class_of]))
        level = set(np.unique(table[sorted(level)])) - {DEAD}
    return Automaton(class_of, table, accept, len(columns), tuple(columns))
