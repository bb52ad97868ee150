"""What a run makes of its input: voxels without data stay so and harm nothing, slices are taken along their own axis."""

import json

import numpy as np
import pytest

from pdm_core import InputError, SuperResolutionOptions, Volume, super_resolve
from pdm_core.pipeline.placement import measured_only, output_lattice
from pdm_core.volume.padding import Padding
from pdm_core.volume.slice_axis import order_with_last, slices_back, slices_last
from pdm_core.worker.jobs import main as worker

pytestmark = pytest.mark.usefixtures("both_zoo")
SHAPE = (6, 40, 44)
IN_PLANE = {"mode": "in-plane", "factor": 2.0}
THROUGH = {"mode": "through-plane", "factor": 2.0}
ISOTROPIC = {"mode": "isotropic", "factor": 1.5}


def options(**changes):
    return SuperResolutionOptions(**{"device": "cpu", "steps": 1, **changes})


def a_scan(seed=0):
    """A smooth image with noise, 100 to 500; its opposite borders are alike."""
    k, j, i = np.indices(SHAPE)
    smooth = 300 + 100 * np.sin(2 * np.pi * (3 * i / SHAPE[2] + k / 3)) * np.cos(2 * np.pi * 2 * j / SHAPE[1])
    array = smooth + 5 * np.random.default_rng(seed).standard_normal(SHAPE)
    return Volume(array.astype(np.float32), np.diag([0.9, 0.9, 3.6, 1.0]), {"slice_thickness_mm": 3.6})


def radius(shape):
    """Distance from the middle in pixels of the scan."""
    j, i = np.indices(shape[1:])
    scale = shape[1] / SHAPE[1]
    return np.broadcast_to(np.hypot(j / scale - 20, i / scale - 22), shape)


def cut(volume, value, origin=None):
    mask = radius(volume.shape) > 16
    padding = None if origin is None else Padding(mask, float(value), origin)
    return Volume(np.where(mask, np.float32(value), volume.array), volume.ijk_to_ras, volume.metadata, padding)


def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


@pytest.mark.parametrize("changes", [IN_PLANE, THROUGH, ISOTROPIC], ids=lambda changes: changes["mode"])
@pytest.mark.parametrize("value", [-32768, -2000, 0, 4095])
def test_voxels_without_data_keep_their_value_and_leave_the_rest_alone(value, changes):
    volume = a_scan()
    whole = super_resolve(volume, options(**changes)).volume
    result = super_resolve(cut(volume, value), options(**changes))
    found, distance = result.volume, radius(whole.shape)
    inside, spread = distance < 10, volume.array.std()
    ring = ~found.padding.mask & ~inside
    assert rms((found.array - whole.array)[inside]) < 0.03 * spread
    assert rms((found.array - whole.array)[ring]) < 0.4 * spread
    np.testing.assert_array_equal(found.array == value, found.padding.mask)
    assert found.padding.mask[distance > 17].all() and not found.padding.mask[distance < 15].any()
    assert result.provenance["consistency_db"] > 90
    padding = result.provenance["input"]["padding"]
    assert padding == {"value": value, "share": pytest.approx((radius(SHAPE) > 16).mean(), abs=1e-4), "from": "detected"}
    assert any("hold no data" in line for line in result.provenance["warnings"])


def test_a_voxel_is_padding_exactly_if_its_nearest_one_was():
    volume = cut(a_scan(), -1024, "header")
    result = super_resolve(volume, options(samples=2, **IN_PLANE))
    mask = volume.padding.mask.repeat(2, 1).repeat(2, 2)
    np.testing.assert_array_equal(result.volume.padding.mask, mask)
    np.testing.assert_array_equal(result.volume.array == -1024, mask)
    np.testing.assert_array_equal(result.uncertainty.array[mask], 0.0)
    assert result.uncertainty.array[~mask].min() > 0.0
    plain = measured_only(volume, options(**IN_PLANE))
    np.testing.assert_array_equal((result.volume.array - plain.array)[mask], 0.0)
    assert result.provenance["input"]["padding"]["from"] == "header"
    # The input is not changed.
    assert (volume.array[volume.padding.mask] == -1024).all()


def test_without_padding_nothing_changes_and_nothing_is_said():
    result = super_resolve(a_scan(), options(**IN_PLANE))
    assert result.volume.padding is None and result.provenance["input"]["padding"] is None
    assert not [line for line in result.provenance["warnings"] if "no data" in line or "stacked" in line]


@pytest.mark.parametrize("changes", [IN_PLANE, THROUGH, ISOTROPIC], ids=lambda changes: changes["mode"])
@pytest.mark.parametrize("axis", [0, 1])
def test_slices_along_another_axis_give_the_same_voxels_in_the_order_of_the_input(axis, changes):
    third = cut(a_scan(), 0)
    volume = slices_back(third, axis)
    chosen = options(samples=2, **changes)
    result, expected = super_resolve(volume, chosen), super_resolve(third, chosen)
    assert volume.spacing[axis] == pytest.approx(3.6)
    for one, other in ((result.volume, expected.volume), (result.uncertainty, expected.uncertainty)):
        back = slices_back(other, axis)
        np.testing.assert_array_equal(one.array, back.array)
        np.testing.assert_array_equal(one.ijk_to_ras, back.ijk_to_ras)
        np.testing.assert_array_equal(one.padding.mask, back.padding.mask)
    assert result.provenance["input"]["slice_axis"] == "ij"[axis] and expected.provenance["input"]["slice_axis"] == "k"
    assert any("stacked along the" in line for line in result.provenance["warnings"])
    lattice = output_lattice(volume, chosen)
    assert lattice.shape == result.volume.shape
    np.testing.assert_allclose(lattice.ijk_to_ras, result.volume.ijk_to_ras, atol=1e-9)
    plain = measured_only(volume, chosen)
    np.testing.assert_array_equal(plain.array, slices_back(measured_only(third, chosen), axis).array)


def test_a_header_names_the_slice_axis_where_the_spacing_does_not():
    array = a_scan().array[:, :, :40].repeat(7, 0)[:40]
    isotropic = Volume(array, np.diag([0.9, 0.9, 1.0, 1.0]))
    assert super_resolve(isotropic, options(**IN_PLANE)).volume.shape == (40, 80, 80)
    named = Volume(array, isotropic.ijk_to_ras, {"slice_axis": 0})
    result = super_resolve(named, options(**IN_PLANE))
    assert result.volume.shape == (80, 80, 40) and result.volume.metadata["slice_axis"] == 0
    assert order_with_last(0) == (1, 2, 0) and slices_last(result.volume, 0).shape == (40, 80, 80)


@pytest.mark.parametrize("labels", [{}, {"intent": "label"}])
def test_label_maps_are_refused(labels):
    volume = a_scan()
    array = volume.array if labels else (volume.array > 300).astype(np.float32) * 2
    with pytest.raises(InputError, match="label map") as refusal:
        super_resolve(Volume(array, volume.ijk_to_ras, labels), options(**IN_PLANE))
    assert refusal.value.hint == "Give the scan itself."


def test_a_job_of_the_worker_adds_nothing_where_there_is_no_data(tmp_path):
    volume = slices_back(cut(a_scan(), -2000), 0)
    np.save(tmp_path / "in.npy", volume.array)
    job = {"task": "super-resolve", "volume": "in.npy", "ijk_to_ras": volume.ijk_to_ras.tolist(), "options": {
        "factor": 2.0, "steps": 1, "device": "cpu"}}  # fmt: skip
    (tmp_path / "job.json").write_text(json.dumps(job))
    assert worker([str(tmp_path / "job.json")]) == 0
    result, detail = np.load(tmp_path / "result.npy"), np.load(tmp_path / "detail.npy")
    assert result.shape == (80, 88, 6) and (result == -2000).mean() > 0.3
    assert np.abs(detail[result == -2000]).max() == 0 and np.abs(detail[result != -2000]).max() > 0
