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


@pytest.fixture(scope="session")
def a_tiny_model(tmp_path_factory):
    """A zoo with one small untrained model named `tiny`, made as a published one is; returns its card."""
    import torch

    from pdm_core.diffusion.denoiser import build_denoiser
    from pdm_core.networks import build_network
    from pdm_core.zoo import ModelCard, export_model

    network = {"preset": "fast", "channels": [16, 32], "blocks": 1, "detail": 8}
    bridge = {"steps": 100, "start": 25, "alignment": "cosine"}
    torch.manual_seed(0)
    module = build_network(network)
    spread = ((1.5, 0.04), (4.0, 0.1))
    card = ModelCard(
        name="tiny", title="untrained", purpose="tests", version="0", mode="in-plane", method="pdm", network=network,
        bridge=bridge, parameterization="residual", residual_std=spread,
        sampler={"sampler": "ddim", "steps": 2, "sample_steps": 3, "grid": "uniform", "eta": 0.0, "rule": "consistent"},
        factors=(1.5, 4.0), spacing_mm=(0.5, 2.0), min_matrix=32, contrasts=("noise",), data=(), licence="Apache-2.0",
        parameters=0, sha256="", smoke={},
    )  # fmt: skip
    return export_model(build_denoiser(module, bridge, "residual", spread), card, tmp_path_factory.mktemp("zoo"))


@pytest.fixture
def tiny_zoo(a_tiny_model, monkeypatch):
    """The tiny model as the user's zoo."""
    monkeypatch.setenv("PDM_ZOO", str(a_tiny_model.weights.parent))
    return a_tiny_model
