"""Measures of a ranked list of documents, by ir-measures (trec_eval's definitions)."""

from generalist.sequence.sample import Answer, Sample

__all__ = ["Ranking"]


class Ranking:
    """``nDCG@10``, ``R@1``, ``R@10``, ``R@100`` (the share of the relevant that is found) and ``MRR@10``, means over
    queries. Relevance is yes or no. The order of ``documents`` counts, a document found twice counts once."""

    def __init__(self) -> None:
        self._relevant: dict[str, dict[str, int]] = {}
        self._found: dict[str, dict[str, float]] = {}

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

    def result(self) -> dict[str, float]:
        """All in [0, 1]."""
        if not self._relevant:
            return {}
        from ir_measures import RR, R, calc_aggregate, nDCG

        measures = {"nDCG@10": nDCG @ 10, "R@1": R @ 1, "R@10": R @ 10, "R@100": R @ 100, "MRR@10": RR @ 10}
        figures = calc_aggregate(list(measures.values()), self._relevant, self._found)
        return {name: float(figures[measure]) for name, measure in measures.items()}
