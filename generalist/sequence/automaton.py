"""The automaton: a pattern as two integer tables, so that a step over every image and track is two gathers.

``class_of[token]`` (V,) puts tokens that no state tells apart into one class; ``next[state, class]`` (S, C) is the
state after a token, 0 where it is not allowed. ``beyond[state, class]`` (S, C) says how many steps back the token is
that this one must exceed, 0 for none: order costs a comparison, where states that remember coordinates would cost a
table of their square. State 0 is the dead one, 1 the start; ``accept[state]`` says that an answer may end there. An
answer that could end or go on ends with the end token, so "done" is always a state with no way out.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from generalist.faults import Fault
from generalist.sequence.pattern import Chain, Pattern, Span
from generalist.sequence.thompson import Graph

__all__ = ["START", "Allowed", "Automaton", "Constraint", "State", "compile_pattern"]

DEAD, START = 0, 1


@dataclass(frozen=True, slots=True)
class State:
    """Where each of R rows stands after ``step`` tokens: ``rows`` is an array (R,) or whatever the constraint keeps.

    last: (R, M) the tokens written last, newest first, for constraints that compare tokens; or whatever else of each
    row a constraint knows from the step before.
    """

    rows: Any
    step: int
    last: Any = None


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
    beyond: Any
    accept: Any
    bound: int
    reach: int
    """The largest entry of ``beyond``: so many tokens have to be remembered."""
    columns_at: tuple[Any, ...]
    """Ids possible in any state at each step, known when compiled: no device has to be asked."""

    def on(self, convert: Callable[[NDArray[Any]], Any]) -> "Automaton":
        """The same automaton with every table passed through ``convert``, e.g. to a device."""
        return replace(
            self,
            class_of=convert(self.class_of),
            next=convert(self.next),
            beyond=convert(self.beyond),
            accept=convert(self.accept),
            columns_at=tuple(convert(columns) for columns in self.columns_at),
        )

    def start(self, rows: int) -> State:
        none = self.class_of[:1].repeat(rows) * 0
        # Column 0 is below every token; the rest are filled as tokens come.
        last = (self.class_of[:1].repeat(rows * (self.reach + 1)) * 0 - 1).reshape(rows, self.reach + 1)
        return State(none + START, 0, last)

    def allowed(self, state: State) -> Allowed:
        columns = self.columns_at[min(state.step, len(self.columns_at) - 1)]
        classes = self.class_of[columns]
        mask = self.next[state.rows][:, classes] != DEAD
        if self.reach:
            row = (state.rows * 0 + 1).cumsum(0) - 1
            mask = mask & (columns > state.last[row[:, None], self.beyond[state.rows][:, classes]])
        return Allowed(columns, mask)

    def advance(self, state: State, ids: Any) -> State:
        """States after ``ids`` (R,). A row that is done stays where it is, whatever it is fed."""
        after = self.next[state.rows, self.class_of[ids]]
        ended = self.done(state)
        last = state.last
        if self.reach:
            last = last * 1  # a copy, in numpy and torch alike
            last[:, 2:] = state.last[:, 1:-1]
            last[:, 1] = ids
        return State(after * ~ended + state.rows * ended, state.step + 1, last)

    def reorder(self, state: State, rows: Any) -> State:
        return State(state.rows[rows], state.step, state.last[rows])

    def done(self, state: State) -> Any:
        """(R,) bool: rows whose answer is complete."""
        return self._final[state.rows]

    @cached_property
    def _final(self) -> Any:
        return self.accept & ((self.next != DEAD).sum(1) == 0)

    def states(self, ids: Iterable[int]) -> list[int]:
        """The state before each token and after the last, from the start; 0 from a token on that is not allowed."""
        out, written = [START], [-1]
        for token in ids:
            kind = self.class_of[token]
            back = int(self.beyond[out[-1], kind])
            ordered = not back or token > written[-back]
            out.append(int(self.next[out[-1], kind]) if ordered else DEAD)
            written.append(int(token))
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


def _tables(pattern: Pattern, size: int) -> Automaton:
    graph = Graph()
    first = graph.node()
    last = graph.add(pattern, first)
    edges = sorted({0, size} | {edge for moves in graph.moves for span, _ in moves for edge in (span.start, span.stop)})
    class_of = np.repeat(np.arange(len(edges) - 1), np.diff(edges)).astype(np.int64)
    start = graph.closure([first])
    number = {frozenset(): DEAD, start: START}
    dead = [DEAD] * (len(edges) - 1)
    table, beyond = [dead], [dead]
    todo = [start]
    for subset in todo:
        reached, order = _moves(graph, subset, class_of, len(edges) - 1)
        row = []
        for nodes in reached:
            after = graph.closure(nodes)
            if after not in number:
                number[after] = len(number)
                todo.append(after)
            row.append(number[after])
        table.append(row)
        beyond.append(order)
    accept = np.asarray([last in subset for subset in number])
    return _bounded(class_of, np.asarray(table, np.int64), np.asarray(beyond, np.int64), accept)


def _moves(
    graph: Graph, subset: Iterable[int], class_of: NDArray[Any], classes: int
) -> tuple[list[set[int]], list[int]]:
    """For each class of token, the nodes that it leads to from a subset, and which earlier token it must exceed."""
    reached: list[set[int]] = [set() for _ in range(classes)]
    order = [-1] * classes
    for node in subset:
        for span, after in graph.moves[node]:
            for c in range(class_of[span.start], class_of[span.stop - 1] + 1):
                if order[c] not in (-1, span.beyond):
                    raise Fault(
                        "coordinates that can still be read in two ways want different orders: "
                        "put a mark such as '</p>' before one of them"
                    )
                reached[c].add(after)
                order[c] = span.beyond
    return reached, [max(back, 0) for back in order]


def _bounded(
    class_of: NDArray[np.int64], table: NDArray[np.int64], beyond: NDArray[np.int64], accept: NDArray[np.bool_]
) -> Automaton:
    """Walks the states level by level: the ids possible at each step, and the length of the longest answer."""
    columns, level = [], {START}
    while level:
        alive = (table[sorted(level)] != DEAD).any(0)
        if not alive.any():
            break
        columns.append(np.flatnonzero(alive[class_of]))
        level = set(np.unique(table[sorted(level)])) - {DEAD}
    return Automaton(class_of, table, beyond, accept, len(columns), int(beyond.max()), tuple(columns))
