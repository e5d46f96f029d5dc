"""Columns: a Hugging Face dataset, loaded, and its columns by path, with the names that its labels stand for."""

from typing import Any

from generalist.data.readers.dataset import Spec
from generalist.data.readers.window import PARTS, Window, reach
from generalist.faults import Fault

__all__ = ["Columns"]

_FILES = {".parquet": "parquet", ".csv": "csv", ".json": "json", ".jsonl": "json", ".arrow": "arrow"}


class Columns:
    """One split of a dataset: ``names`` are its columns, ``len`` its rows.

    A path goes into a column, as ``objects.bbox``; what is a list of dictionaries there gives the list of their values.
    Images are not decoded: they are dictionaries with ``bytes`` or ``path``.
    """

    def __init__(self, rows: Any, features: Any, name: str) -> None:
        self._rows, self._features, self.name = rows, features, name
        self.names: tuple[str, ...] = tuple(features)

    @classmethod
    def open(cls, spec: Spec) -> "Columns":
        """The split that a spec names, of a saved dataset, a file, a folder or a name on the Hub. ``config`` chooses
        among several datasets of one name; with ``stream=N`` so many rows are fetched and held at a time, the first N
        until training moves on, see ``Window``.
        """
        import datasets

        stream = spec.whole("stream")
        try:
            data = _loaded(spec, stream is not None)
            if isinstance(data, dict):
                data = data[spec.choose(data)]
            if stream is None:
                features = data.features
                rows = data.with_format(None)
                for column, feature in features.items():
                    if isinstance(feature, datasets.Image):
                        rows = rows.cast_column(column, datasets.Image(decode=False))
            else:
                features = data.features or data._resolve_features().features
                for column, feature in features.items():
                    if isinstance(feature, datasets.Image):
                        data = data.cast_column(column, datasets.Image(decode=False))
                rows = Window(data, stream)
        except Fault:
            raise
        except Exception as error:  # from a wrong name to no network, the library has a class for each
            told = str(error).strip().splitlines() or [type(error).__name__]
            raise Fault(f"{spec.text}: cannot be loaded ({told[0]})") from error
        return cls(rows, features, spec.text)

    def __len__(self) -> int:
        return len(self._rows)

    def row(self, index: int) -> dict[str, Any]:
        """One row, by column."""
        try:
            return dict(self._rows[index])
        except Exception as error:  # whatever decoding a file of arrow data may raise
            raise Fault(f"{self.name}: row {index} cannot be read ({error})") from error

    @property
    def moves(self) -> bool:
        """Whether there are other rows than those that are held."""
        return isinstance(self._rows, Window) and not self._rows.whole

    def reach(self, step: int, pace: float) -> None:
        """Moves on, where rows are streamed. See ``Window.reach``."""
        try:
            reach(self._rows, step, pace)
        except Exception as error:  # the library has a class for each way in which a network or a file can fail
            raise Fault(f"{self.name}: cannot be read on ({error})") from error

    def holds(self, path: str) -> bool:
        """Whether there is such a column, and in it such a part."""
        try:
            self._feature(path)
        except KeyError:
            return False
        return True

    def value(self, row: dict[str, Any], path: str) -> Any:
        """What stands in a row at a path, None where there is nothing."""
        found: Any = row
        for part in path.split("."):
            if isinstance(found, list):
                found = [None if item is None else item.get(part) for item in found]
            else:
                found = None if found is None else found.get(part)
        return found

    def labels(self, path: str) -> tuple[str, ...]:
        """The names of the ClassLabel at a path, () where it is none."""
        feature = self._feature(path)
        return tuple(getattr(feature, "names", None) or ())

    def unique(self, path: str) -> tuple[str, ...]:
        """The words that stand in a column, in the order of the alphabet."""
        found: set[str] = set()
        for i in range(len(self)):
            value = self.value(self.row(i), path)
            found |= {str(item) for item in (value if isinstance(value, list) else [value]) if item is not None}
        return tuple(sorted(found))

    def _feature(self, path: str) -> Any:
        feature: Any = self._features
        for part in path.split("."):
            feature = _inner(feature)[part]
        return _inner(feature)


def _inner(feature: Any) -> Any:
    """What a list is a list of."""
    while isinstance(feature, list) or hasattr(feature, "feature"):
        feature = feature[0] if isinstance(feature, list) else feature.feature
    return feature


def _loaded(spec: Spec, stream: bool) -> Any:
    import datasets

    path, config = spec.path, spec.options.get("config")
    if any((path / name).is_file() for name in ("dataset_dict.json", "state.json")):
        data = datasets.load_from_disk(str(path))
        if isinstance(data, datasets.Dataset) and spec.split is not None:
            spec.choose(())
        return _streamed(data) if stream else data
    if path.suffix in _FILES and path.is_file():
        return datasets.load_dataset(_FILES[path.suffix], data_files=str(path), streaming=stream)
    if path.is_dir() or spec.split is None:
        return datasets.load_dataset(str(path), config, streaming=stream)
    return datasets.load_dataset(str(path), config, split=spec.split, streaming=stream)


def _streamed(data: Any) -> Any:
    return (
        {name: _streamed(part) for name, part in data.items()}
        if isinstance(data, dict)
        else data.to_iterable_dataset(num_shards=max(1, min(PARTS, len(data))))
    )
