"""Thompson's construction (1968): a pattern as a graph whose moves each write a token, and whether it is ambiguous."""

from collections.abc import Iterable

from generalist.sequence.pattern import Chain, Choice, Counted, Listing, Pattern, Repeat, Span

__all__ = ["Graph", "is_ambiguous"]


class Graph:
    """``moves[node]`` are (span, node) pairs; ``free[node]`` are moves that write nothing."""

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
                return self._list((part,) * high, low, at)
            case Listing(parts, low):
                return self._list(parts, low, at)
            case Counted():
                return self._counted(pattern, at)

    def _list(self, parts: tuple[Pattern, ...], low: int, at: int) -> int:
        stop = self.node()
        for count, part in enumerate(parts):
            if count >= low:
                self.free[at].append(stop)
            at = self.add(part, at)
        self.free[at].append(stop)
        return stop

    def _counted(self, pattern: Counted, at: int) -> int:
        """The announced number is where the chain of the remaining items is entered: it is built once for all."""
        stop = self.node()
        left = [stop]  # left[k]: k items are still to be written
        for part in pattern.rest:
            node = self.node()
            self.free[self.add(part, node)].append(left[-1])
            left.append(node)
        for count, part in enumerate(pattern.first, 1):
            if count >= pattern.low:
                node = self.node()
                token = pattern.number.start + count - pattern.low
                self.moves[at].append((Span(token, token + 1), node))
                self.free[self.add(part, node)].append(left[count - 1])
        return stop

    def closure(self, nodes: Iterable[int]) -> frozenset[int]:
        """The nodes and all that can be reached from them without writing."""
        seen, todo = set(nodes), list(nodes)
        while todo:
            for node in self.free[todo.pop()]:
                if node not in seen:
                    seen.add(node)
                    todo.append(node)
        return frozenset(seen)


def is_ambiguous(pattern: Pattern) -> bool:
    """Whether some answer can be read in two ways: two runs of moves over the same tokens that part and both end.

    The graph is run beside itself (Even 1965): a pair of different moves that is reached from one pair of equal moves,
    and from which both ends, or a pair of equal moves, can be reached, is such a parting.
    """
    graph = Graph()
    first = graph.node()
    last = graph.add(pattern, first)
    moves = [(span, after) for node in range(len(graph.moves)) for span, after in graph.moves[node]]
    place = {node: [] for node in range(len(graph.moves))}  # type: dict[int, list[int]]
    count = 0
    for node in range(len(graph.moves)):
        place[node] = list(range(count, count + len(graph.moves[node])))
        count += len(graph.moves[node])
    follow = [[move for near in sorted(graph.closure([after])) for move in place[near]] for _, after in moves]
    ends = [last in graph.closure([after]) for _, after in moves]
    begin = [move for near in sorted(graph.closure([first])) for move in place[near]]

    def apart(reached: list[int], others: list[int]) -> set[tuple[int, int]]:
        return {(p, q) for p in reached for q in others if p != q and _meet(moves[p][0], moves[q][0])}

    todo = [pair for run in [begin, *follow] for pair in apart(run, run)]
    seen = set(todo)
    while todo:
        p, q = todo.pop()
        if ends[p] and ends[q]:
            return True
        if set(follow[p]) & set(follow[q]):
            return True
        for pair in apart(follow[p], follow[q]) - seen:
            seen.add(pair)
            todo.append(pair)
    return False


def _meet(a: Span, b: Span) -> bool:
    return a.start < b.stop and b.start < a.stop
