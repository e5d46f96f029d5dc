"""Tables of what a set holds, from the record that ``Description`` makes of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from generalist.app.tables import plain_table

__all__ = ["description_tables"]

CLASSES = 20
"""Names that a table lists, the most common; the others are counted."""


NOTHING = ("0", "0.00%")


def description_tables(record: Mapping[str, Any]) -> list[Table | str]:
    """All that the record says: what there is, then each task by itself, then what was passed over or is broken."""
    out: list[Table | str] = _whole(record)
    for task, read in record["read"].items():
        out += _task(task, read)
    for name, title in (("skipped", "left out"), ("broken", "cannot be read")):
        found = record[name] if name == "skipped" else [{"kind": title, **record[name]}]
        rows = [row for row in found if row["count"]]
        if rows:
            table = plain_table("n", "what", "first of them", title=title if name == "skipped" else "broken items")
            for row in rows:
                table.add_row(f"{row['count']:,}", escape(row["kind"]), escape("\n".join(row["first"])))
            out.append(table)
    return out


def _whole(record: Mapping[str, Any]) -> list[Table | str]:
    items = f"{record['items']:,}"
    if record["looked_at"] < record["items"]:
        items += f", the first {record['looked_at']:,} of them looked at"
    rows = {"items": items, "tasks": ", ".join(record["tasks"]), "a / b / c": "the least, the median, the greatest"}
    if images := record.get("images"):
        width, height = (_three(images[name]) for name in ("width", "height"))
        count = images["different_sizes"]
        rows["images"] = f"{width} wide, {height} high, {count} size{'s' if count > 1 else ''}"
    if pictures := record.get("pictures"):
        rows["pictures"] = ", ".join(pictures.values())
    return [_title(record["data"]), _pairs(rows)]


def _task(task: str, read: Mapping[str, Any]) -> list[Table | str]:
    rows: dict[str, str] = {}
    tables: list[Table | str] = []
    if things := read.get("objects"):
        rows |= _objects(things)
        if things["classes"] and "phrase" not in read:
            tables.append(_classes({name: f"{count:,}" for name, count in things["classes"].items()}, "objects"))
    if pixels := read.get("pixels"):
        rows["pixels without a label"] = f"{pixels['unlabelled']:.1%}"
        tables.append(_classes({name: f"{share:.2%}" for name, share in pixels["classes"].items()}, "pixels"))
    if depth := read.get("depth"):
        low, high = min(depth["nearest"], default=0), max(depth["farthest"], default=0)
        rows["depth"] = f"{low:.2f} to {high:.2f} m; of the images' medians {_three(depth['median'], 2)} m"
        rows["holes"] = f"{depth['holes']:.1%}"
    for name in ("phrase", "question", "query", "document", "texts"):
        if said := read.get(name):
            rows |= _said(name, said)
    if documents := read.get("documents"):
        rows["documents an item"] = _three(documents["per_item"])
    return ["", _title(f"{task}: {read['items']:,} items"), _pairs(rows), *tables]


def _objects(things: Mapping[str, Any]) -> dict[str, str]:
    small, medium, large = (f"{count:,}" for count in things["small_medium_large"])
    ignored = f", {things['ignored']:,} of them ignored" if things["ignored"] else ""
    rows = {"objects": f"{things['count']:,}{ignored}; an image {_three(things['per_image'])}"}
    if things["images_without"]:
        rows["images without any"] = f"{things['images_without']:,}"
    if things["box"]:
        rows["root of a box's area"] = (
            f"{_three(things['box'], 1)} pixels; {small} small, {medium} medium, {large} large"
        )
    if "keypoints" in things:
        rows["key points of an object"] = _three(things["keypoints"])
    return rows


def _said(name: str, said: Mapping[str, Any]) -> dict[str, str]:
    several = f"; an item {_three(said['per_item'])}" if "per_item" in said else ""
    title = {"texts": "texts", "query": "queries"}.get(name, f"{name}s")
    common = "\n".join(
        f"{count:,} x {text if len(text) <= 80 else text[:77] + '...'}" for text, count in said["commonest"]
    )
    return {
        title: f"{said['count']:,}, {said['different']:,} different, of {_three(said['words'])} words{several}",
        f"commonest {title}": common,
    }


def _classes(values: Mapping[str, str], title: str) -> Table:
    table = plain_table("class", title)
    for name, value in list(values.items())[:CLASSES]:
        table.add_row(escape(name), value)
    if len(values) > CLASSES:
        rest = list(values.values())[CLASSES:]
        nowhere = sum(value in NOTHING for value in rest)
        told = f", {nowhere} of them nowhere" if nowhere else ""
        table.add_row(f"[dim]and {len(rest)} more{told}[/dim]", "")
    return table


def _title(text: str) -> str:
    # Not a table's own title, which is broken to the table's width.
    return f"[bold]{escape(text)}[/bold]"


def _pairs(rows: Mapping[str, str]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in rows.items():
        table.add_row(f"[dim]{name}[/dim]", escape(value))
    return table


def _three(values: Sequence[float], places: int = 0) -> str:
    """The least, the median and the greatest, or the one that they all are."""
    told = [f"{value:,.{places}f}" for value in values]
    return told[0] if len(set(told)) == 1 else " / ".join(told)
