"""The chain on real prostates with the bundled models: three stacks of one patient, and another patient."""

import json

import numpy as np
import pytest

from pdm_core import Volume, read_volume, write_volume
from pdm_core.cli.main import main
from pdm_core.segmentation.resampling import resampled
from pdm_core.zoo import list_zone_models
from pdm_core.zoo.catalogue import BUNDLED

CASES = [
    *(("prostate/prostatex/ProstateX-0218", stack) for stack in ("t2_tra", "t2_sag", "t2_cor")),
    ("prostate/prostate3t/Prostate3T-03-0004", "t2_tra"),
]
# Less of the slices than was scanned, so that this takes a minute and not ten.
MIDDLE_MM = 112.0


@pytest.fixture(scope="module")
def bundled():
    if not any(card.weights.parent == BUNDLED for card in list_zone_models()):
        pytest.skip("no zone model is bundled yet")


def middle(volume):
    """The middle of the slices."""
    places = [slice(None)]
    matrix = volume.ijk_to_ras.copy()
    for axis, spacing in ((1, volume.spacing[1]), (2, volume.spacing[0])):
        size = min(volume.shape[axis], round(MIDDLE_MM / spacing))
        first = (volume.shape[axis] - size) // 2
        places.append(slice(first, first + size))
        matrix[:3, 3] += first * volume.ijk_to_ras[:3, 2 - axis]
    return Volume(volume.array[tuple(places)], matrix)


def dice(one, other):
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


@pytest.mark.parametrize(("case", "stack"), CASES, ids=lambda word: word.split("/")[-1])
def test_the_chain_finds_the_gland_of_a_real_scan(bundled, shared_data, case, stack, tmp_path):
    scan = middle(read_volume(shared_data / case / f"{stack}.nii.gz"))
    source = write_volume(scan, tmp_path / "t2.nii.gz")
    words = ["upsample", str(source), "-o", str(tmp_path / "sharper.nii.gz"), "--factor", "1.5", "--steps", "1"]
    assert main([*words, "--zones", str(tmp_path / "zones.seg.nrrd"), "--device", "cpu"]) == 0
    fine, own = (read_volume(tmp_path / name) for name in ("zones.seg.nrrd", "zones_input.seg.nrrd"))
    assert fine.shape == read_volume(tmp_path / "sharper.nii.gz").shape and own.shape == scan.shape
    np.testing.assert_allclose(own.ijk_to_ras, scan.ijk_to_ras, atol=1e-5)
    record = json.loads((tmp_path / "zones.seg.provenance.json").read_text())
    assert 10 < record["volumes_ml"]["gland"] < 200
    # What an independent network has found in the axial scan, seen on this one's grid.
    gland = read_volume(shared_data / case / "gland_pseudo_TAPS.nii.gz")
    other = resampled(gland.array, gland.ijk_to_ras, own.shape, own.ijk_to_ras, outside=0.0) > 0.5
    assert dice(own.array > 0, other) > (0.75 if stack == "t2_tra" else 0.5)


@pytest.mark.parametrize("volume", ["brain_fnndsc_trio/t2_fse_ax_2p5mm", "brain_templates/colin27_ch2_t1_1mm"])
def test_zones_of_a_brain_are_flagged(bundled, shared_data, volume, tmp_path, capsys):
    words = ["segment", str(shared_data / "other_mri" / f"{volume}.nii.gz"), "-o", str(tmp_path / "zones.seg.nrrd")]
    assert main([*words, "--device", "cpu"]) == 0
    assert "flag:" in capsys.readouterr().out
