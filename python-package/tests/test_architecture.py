"""The floors: a module imports only from its own floor or below; torch only from floor 1 up; Slicer nowhere."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "pdm_core"
FLOORS = {
    "atomic": 0, "device_names": 0, "errors": 0, "plugins": 0, "progress": 0, "version": 0, "volume": 0, "reporting": 0,
    "degradation": 1, "networks": 1, "metrics": 2, "registration": 2, "baselines": 2, "diffusion": 2, "methods": 2,
    "segmentation": 3, "zoo": 3,
    "pipeline": 4, "training": 4, "evaluation": 4, "cli": 5, "worker": 5, "__main__": 5, "__init__": 5,
}  # fmt: skip
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
    if FLOORS[room] == 0:
        assert "torch" not in roots


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_files_stay_readable(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert path.read_text(encoding="utf-8").count("\n") <= 300
    assert all(node.end_lineno - node.lineno < 60 for node in functions)
