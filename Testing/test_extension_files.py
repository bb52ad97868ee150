"""What Slicer's build and its extension index will ask of the files, asked here without Slicer."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = ("PartialDiffusionSR", "PDMTraining")
INDEX_ENTRY = json.loads((ROOT / "Resources/PartialDiffusionSR.json").read_text())
# Slicer's schema of catalogue entries, v1.0.1: name to the Python type of its values; no other names are allowed.
SCHEMA = {
    "$schema": str, "category": str, "scm_url": str, "scm_revision": str, "scm_type": str, "build_dependencies": list,
    "build_subdirectory": str, "enabled": bool, "tier": int,
}  # fmt: skip


def metadata():
    text = (ROOT / "CMakeLists.txt").read_text()
    return dict(re.findall(r'set\((EXTENSION_\w+) "(.*)"\)', text))


def listed(folder, name):
    """The files of the two lists in a module's CMakeLists.txt."""
    text = (ROOT / folder / "CMakeLists.txt").read_text().replace("${MODULE_NAME}", name)
    scripts, resources = (
        re.search(rf"set\(\w+_{kind}\n(.*?)\n  \)", text, re.S)[1].split() for kind in ("SCRIPTS", "RESOURCES")
    )
    return scripts, resources


@pytest.mark.parametrize(
    ("folder", "name", "roots"),
    [
        ("PartialDiffusionSR", "PartialDiffusionSR", ("*.py", "PartialDiffusionSRLib", "Scripts", "Resources")),
        ("PDMTraining", "PDMTraining", ("*.py", "PDMTrainingLib", "Scripts", "Resources")),
        ("python-package", "pdm_core", ("pdm_core",)),
    ],
)
def test_cmake_lists_name_every_file_and_no_other(folder, name, roots):
    scripts, resources = listed(folder, name)
    assert len(set(scripts)) == len(scripts) and len(set(resources)) == len(resources)
    base = ROOT / folder
    tree = {path for root in roots for entry in base.glob(root) for path in ([entry] if entry.is_file() else entry.rglob("*"))}
    files = {path.relative_to(base).as_posix() for path in tree if path.is_file() and "__pycache__" not in path.parts}
    assert set(scripts) == {file for file in files if file.endswith(".py")}
    assert set(resources) == {file for file in files if not file.endswith(".py")}


def test_the_index_entry_fits_its_schema_and_the_build():
    assert all(isinstance(value, SCHEMA[name]) for name, value in INDEX_ENTRY.items())
    assert {"$schema", "category", "scm_url"} <= set(INDEX_ENTRY)
    assert INDEX_ENTRY["$schema"].endswith("slicer-extension-catalog-entry-schema-v1.0.1.json#")
    assert 1 <= INDEX_ENTRY["tier"] <= 5
    assert " ".join(INDEX_ENTRY["build_dependencies"]) == metadata()["EXTENSION_DEPENDS"]


def test_the_metadata_is_whole_and_its_pictures_are_here():
    facts = metadata()
    for name in ("HOMEPAGE", "CONTRIBUTORS", "DESCRIPTION", "ICONURL", "SCREENSHOTURLS", "DEPENDS"):
        assert facts[f"EXTENSION_{name}"]
    for url in [facts["EXTENSION_ICONURL"], *facts["EXTENSION_SCREENSHOTURLS"].split()]:
        assert (ROOT / url.split("/main/", 1)[1]).is_file(), url


@pytest.mark.parametrize("name", MODULES)
def test_module_folders_hold_one_python_file_at_their_top(name):
    """Slicer takes each of them for a module."""
    assert [path.name for path in (ROOT / name).glob("*.py")] == [f"{name}.py"]
    assert f"add_subdirectory({name})" in (ROOT / "CMakeLists.txt").read_text()


def test_no_two_files_are_installed_under_one_name():
    """Slicer puts the files of all modules of an extension into one folder."""
    installed = [file for name in MODULES for kind in listed(name, name) for file in kind]
    assert len(set(installed)) == len(installed)


@pytest.mark.parametrize("name", MODULES)
def test_slicers_edge_never_imports_torch(name):
    for path in (ROOT / name).rglob("*.py"):
        text = path.read_text()
        assert not re.search(r"^\s*(import|from) (torch|monai|SimpleITK)\b", text, re.M), path
        assert text.count("\n") <= 300, path


@pytest.mark.parametrize("name", MODULES)
def test_user_texts_can_be_translated(name):
    """A formatted string inside `_()` could not be found by the translators' tools."""
    for path in (ROOT / name).rglob("*.py"):
        assert not re.search(r"\b_\(f[\"']", path.read_text()), path
