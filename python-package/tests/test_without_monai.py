"""The product runs where monai is not installed, as in Slicer: only MONAI's own bundles need it."""

import sys

import numpy as np
import pytest

from pdm_core import Volume, read_volume, write_volume
from pdm_core.cli.main import main

QUICK = ["--device", "cpu", "--steps", "1"]


@pytest.fixture
def without_monai(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "monai"]:
        monkeypatch.delitem(sys.modules, name)
    # Importing a module that is None in this table fails as if it were absent.
    monkeypatch.setitem(sys.modules, "monai", None)


@pytest.fixture
def a_scan(tmp_path):
    random = np.random.default_rng(0)
    return write_volume(Volume(100 * random.random((8, 48, 40)), np.diag([1, 1, 3, 1])), tmp_path / "scan.nii.gz")


def test_every_command_on_images_works(without_monai, zone_zoo, a_scan, tmp_path):
    zones = tmp_path / "zones.seg.nrrd"
    assert main(["upsample", str(a_scan), "-o", str(tmp_path / "out.nii.gz"), *QUICK, "--zones", str(zones)]) == 0
    assert main(["upsample", str(a_scan), "-o", str(tmp_path / "thin.nii.gz"), "--mode", "through-plane", *QUICK]) == 0
    assert main(["segment", str(a_scan), "-o", str(tmp_path / "alone.nii.gz"), "--device", "cpu"]) == 0
    assert main(["batch", str(a_scan), "-o", str(tmp_path / "results"), *QUICK]) == 0


def test_slices_that_exceed_the_memory_are_tiled(without_monai, tiny_zoo, tmp_path, monkeypatch, capsys):
    import torch

    from pdm_core.diffusion.denoisers import ResidualDenoiser

    whole = ResidualDenoiser.estimate

    def short_of_memory(self, x, *rest):
        if x.shape[-1] > 256:
            raise torch.cuda.OutOfMemoryError("simulated")
        return whole(self, x, *rest)

    random = np.random.default_rng(0)
    scan = write_volume(Volume(100 * random.random((1, 140, 150)), np.eye(4)), tmp_path / "scan.nii.gz")
    words = ["upsample", str(scan), *QUICK, "--precision", "float32", "-o"]
    assert main([*words, str(tmp_path / "whole.nii.gz")]) == 0
    monkeypatch.setattr(ResidualDenoiser, "estimate", short_of_memory)
    assert main([*words, str(tmp_path / "tiled.nii.gz")]) == 0
    assert "tiles of 256 pixels" in capsys.readouterr().err
    expected, tiled = (read_volume(tmp_path / f"{name}.nii.gz").array for name in ("whole", "tiled"))
    assert np.abs(tiled - expected).mean() < 0.02 * expected.std()


def test_a_bundle_of_monai_says_what_is_missing(without_monai):
    from pdm_core import MissingDependencyError
    from pdm_core.segmentation.monai_bundle import bundle_network

    with pytest.raises(MissingDependencyError, match=r"pdm-core\[monai\]"):
        bundle_network()
