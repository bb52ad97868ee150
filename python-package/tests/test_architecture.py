"""The floors: each room imports only from rooms below it; torch only from degradation up; Slicer and the studies nowhere."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "pdm_core"
# From the ground up. No two rooms share a floor.
ROOMS = (
    "errors", "version", "atomic", "device_names", "plugins", "progress", "volume", "reporting",
    "degradation", "networks", "metrics", "registration", "baselines", "diffusion", "methods", "zoo",
    "segmentation", "training", "pipeline", "evaluation", "publishing", "cli", "worker", "__init__", "__main__",
)  # fmt: skip
FLOORS = {room: floor for floor, room in enumerate(ROOMS)}
MODULES = sorted(PACKAGE.rglob("*.py"))


def imported_names(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_go_down(path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    names = set(imported_names(path))
    rooms = {name.split(".")[1] for name in names if name.startswith("pdm_core.")}
    assert all(FLOORS[other] <= FLOORS[room] for other in rooms), rooms
    roots = {name.split(".")[0] for name in names}
    assert not roots & {"slicer", "qt", "vtk", "ctk", "pdm_study"}
    if FLOORS[room] < FLOORS["degradation"]:
        assert "torch" not in roots


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_files_stay_readable(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert path.read_text(encoding="utf-8").count("\n") <= 300
    assert all(node.end_lineno - node.lineno < 60 for node in functions)
