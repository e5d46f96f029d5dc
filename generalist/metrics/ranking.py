"""Measures of a ranked list of documents, by ir-measures (trec_eval's definitions)."""

from collections.abc import Container

from generalist.metrics.calibration import Calibration
from generalist.sequence.sample import Answer, Sample

__all__ = ["Ranking"]


class Ranking:
    """``nDCG@10``, ``R@1``, ``R@10``, ``R@100`` (the share of the relevant that is found) and ``MRR@10``, means over
    queries. Relevance is yes or no. The order of ``documents`` counts, a document found twice counts once.

    Where answers have a score, ``ECE`` and ``AUROC`` of it as the probability that the first document is relevant.
    """

    def __init__(self) -> None:
        self._relevant: dict[str, dict[str, int]] = {}
        self._found: dict[str, dict[str, float]] = {}
        self.calibration = Calibration()

    def add(self, answer: Answer, sample: Sample) -> None:
        """Needs ``documents`` in both: the answer's as dicts with an ``id``, best first. A query without a relevant
        document is left out: no list could be right."""
        if not sample.documents:
            return
        query = str(len(self._relevant))
        self._relevant[query] = {str(document): 1 for document in sample.documents}
        order = dict.fromkeys(str(document["id"]) for document in answer.documents or ())
        # Scores are made from ranks, all different: trec_eval breaks ties by name and so would reorder the list.
        self._found[query] = {document: float(len(order) - i) for i, document in enumerate(order)}
        if answer.scores is not None and order:
            self.calibration.add(answer.scores[:1], [next(iter(order)) in self._relevant[query]])

    def result(self) -> dict[str, float]:
        """All in [0, 1]."""
        means = {name: sum(values) / len(values) for name, values in self.values().items() if values}
        return means | self.calibration.result()

    def values(self) -> dict[str, list[float]]:
        """Each measure of each query, in their order."""
        if not self._relevant:
            return {}
        from ir_measures import RR, R, iter_calc, nDCG

        measures = {"nDCG@10": nDCG @ 10, "R@1": R @ 1, "R@10": R @ 10, "R@100": R @ 100, "MRR@10": RR @ 10}
        names = {measure: name for name, measure in measures.items()}
        by_query: dict[str, dict[str, float]] = {name: dict.fromkeys(self._relevant, 0.0) for name in measures}
        for figure in iter_calc(list(measures.values()), self._relevant, self._found):
            by_query[names[figure.measure]][figure.query_id] = float(figure.value)
        return {name: list(values.values()) for name, values in by_query.items()}

    def among(self, documents: Container[str]) -> list[bool]:
        """For each query, whether a relevant document of it is one of these."""
        return [any(document in documents for document in relevant) for relevant in self._relevant.values()]
