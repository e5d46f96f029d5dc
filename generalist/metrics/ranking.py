"""Measures of a ranked list of documents, by ir-measures (trec_eval's definitions) and KILT's (Petroni et al. 2021)."""

from collections.abc import Container, Sequence

from generalist.metrics.calibration import Calibration
from generalist.sequence.sample import Answer, Sample

__all__ = ["Ranking", "found_whole"]

DEPTHS = (1, 10, 100)


class Ranking:
    """``nDCG@10``, ``R@1``, ``R@10``, ``R@100`` (the share of the relevant that is found), ``MRR@10`` and
    ``R-precision``, means over queries. Relevance is yes or no. The order of ``documents`` counts, a document found
    twice counts once.

    Where samples tell sets of evidence, R-precision is that of the set that does best, and R@k the share of the sets
    that are found whole, as KILT has them: see ``found_whole``.

    Where answers have a score, ``ECE`` and ``AUROC`` of it as the probability that the first document is relevant; and,
    where no document is relevant to some of the queries, ``answerability AUROC``: how often a query that has one scores
    more than one that has none.
    """

    def __init__(self) -> None:
        self._relevant: dict[str, dict[str, int]] = {}
        self._found: dict[str, dict[str, float]] = {}
        self._evidence: dict[str, tuple[tuple[str, ...], ...]] = {}
        self.calibration, self.answerability = Calibration(), Calibration()

    def add(self, answer: Answer, sample: Sample) -> None:
        """Needs ``documents`` in both: the answer's as dicts with an ``id``, best first. A query without a relevant
        document counts for the scores alone: no list could be right."""
        order = dict.fromkeys(str(document["id"]) for document in answer.documents or ())
        if answer.scores is not None:
            self.answerability.add(answer.scores[:1], [bool(sample.documents)])
            if order:
                self.calibration.add(answer.scores[:1], [next(iter(order)) in map(str, sample.documents)])
        if not sample.documents:
            return
        query = str(len(self._relevant))
        self._relevant[query] = {str(document): 1 for document in sample.documents}
        if sample.evidence:
            self._evidence[query] = sample.evidence
        # Scores are made from ranks, all different: trec_eval breaks ties by name and so would reorder the list.
        self._found[query] = {document: float(len(order) - i) for i, document in enumerate(order)}

    def result(self) -> dict[str, float]:
        """All in [0, 1]."""
        means = {name: sum(values) / len(values) for name, values in self.values().items() if values}
        apart = self.answerability.result()
        told = {"answerability AUROC": apart["AUROC"]} if "AUROC" in apart else {}
        return means | self.calibration.result() | told

    def values(self) -> dict[str, list[float]]:
        """Each measure of each query, in their order."""
        if not self._relevant:
            return {}
        from ir_measures import RR, R, iter_calc, nDCG

        recall = {f"R@{k}": R @ k for k in DEPTHS}
        measures = {"nDCG@10": nDCG @ 10, **recall, "MRR@10": RR @ 10}
        names = {measure: name for name, measure in measures.items()}
        by_query: dict[str, dict[str, float]] = {name: dict.fromkeys(self._relevant, 0.0) for name in measures}
        for figure in iter_calc(list(measures.values()), self._relevant, self._found):
            by_query[names[figure.measure]][figure.query_id] = float(figure.value)
        for query, sets in self._evidence.items():
            for k in DEPTHS:
                by_query[f"R@{k}"][query] = found_whole(list(self._found[query]), sets, k)
        by_query["R-precision"] = self._precisions()
        return {name: list(values.values()) for name, values in by_query.items()}

    def _precisions(self) -> dict[str, float]:
        """Of each query the best R-precision of a set of its evidence, or that of all that is relevant."""
        from ir_measures import Rprec, iter_calc

        best = dict.fromkeys(self._relevant, 0.0)
        asked = {query: self._evidence.get(query, (tuple(found),)) for query, found in self._relevant.items()}
        for turn in range(max(map(len, asked.values()))):
            sets = {query: sets[turn] for query, sets in asked.items() if turn < len(sets)}
            relevant = {query: dict.fromkeys(documents, 1) for query, documents in sets.items()}
            for figure in iter_calc([Rprec], relevant, {query: self._found[query] for query in sets}):
                best[figure.query_id] = max(best[figure.query_id], float(figure.value))
        return best

    def among(self, documents: Container[str]) -> list[bool]:
        """For each query, whether a relevant document of it is one of these."""
        return [any(document in documents for document in relevant) for relevant in self._relevant.values()]


def found_whole(found: Sequence[str], evidence: Sequence[Sequence[str]], k: int) -> float:
    """KILT's recall: the share of the sets of evidence that are found whole among the first ``k``. Of a set only the
    page that is found last takes a place in the list.

    found: pages, each once, best first.
    """
    place = {page: i for i, page in enumerate(found)}
    told = {page for pages in evidence for page in pages}
    taken = [(at, False) for page, at in place.items() if page not in told]
    for pages in evidence:
        if there := [place[page] for page in pages if page in place]:
            taken.append((max(there), len(there) == len(pages)))
    # Where several sets end at one page, the whole ones come first.
    taken.sort(key=lambda one: (one[0], not one[1]))
    return sum(whole for _, whole in taken[:k]) / len(evidence)
