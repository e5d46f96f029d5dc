"""The shape of the house: imports go down the ranks only, and nothing bears a name that says nothing."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "generalist"
MODULES = sorted(PACKAGE.rglob("*.py"))
NAMES = [str(path.relative_to(ROOT)) for path in MODULES]

RANKS = {
    "faults": 0, "assets": 0, "sequence": 1, "model": 2, "data": 2, "metrics": 2, "retrieval": 3, "train": 4, "app": 5,
}  # fmt: skip
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "types", "tokenizers", "datasets"}
TORCH = {"torch", "torchvision", "transformers", "timm", "torchmetrics", "accelerate"}


def imported(path: Path) -> set[str]:
    """Every module that a file names in an import, at its head or inside a function."""
    out: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            out |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the rank"
            out |= {f"{node.module}.{name.name}" for name in node.names}
    return out


def folder(module: str) -> str:
    """``generalist.model.build.build_model`` and ``generalist/model/build.py`` are both of ``model``."""
    return module.replace("/", ".").removesuffix(".py").split(".")[1]


@pytest.mark.parametrize("name", NAMES)
def test_imports_go_down_the_ranks(name: str) -> None:
    here = folder(name)
    if here == "__init__":
        return  # the lazy public names: the test below holds it to importing nothing
    assert here in RANKS, f"{name}: a folder without a rank"
    for module in imported(ROOT / name):
        if module.startswith("generalist."):
            there = folder(module)
            assert there == here or RANKS[there] < RANKS[here], f"{name} imports {module}: sideways or up"


def test_importing_the_package_imports_nothing_of_it() -> None:
    assert not [module for module in imported(PACKAGE / "__init__.py") if module.startswith("generalist")]


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("generalist/sequence/")])
def test_the_sequence_interface_knows_no_torch(name: str) -> None:
    assert not {module.partition(".")[0] for module in imported(ROOT / name)} & TORCH


@pytest.mark.parametrize("name", NAMES)
def test_every_module_lists_what_it_gives(name: str) -> None:
    tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
    if Path(name).name == "__init__.py" and not tree.body:
        return
    lists = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets)
    ]
    assert len(lists) == 1, f"{name} has no __all__"
    given = ast.literal_eval(lists[0])
    assert len(set(given)) == len(given)


@pytest.mark.parametrize("name", NAMES)
def test_no_name_says_nothing(name: str) -> None:
    assert not {part.removesuffix(".py") for part in Path(name).parts} & EMPTY_NAMES


@pytest.mark.parametrize("kind", ["tasks", "tokenizers", "recipes"])
def test_assets_are_data_only(kind: str) -> None:
    assert (ROOT / kind).is_dir()
    assert not list((ROOT / kind).rglob("*.py"))
