"""Fixtures that all tests share."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def shared_data():
    """Folder of the real data, or a skip where it is absent."""
    folder = Path(os.environ.get("PDM_SHARED", REPOSITORY.parent / "shared")) / "data"
    if not (folder / "splits.json").is_file():
        pytest.skip(f"real data is absent: {folder} holds no splits.json (set PDM_SHARED)")
    return folder
