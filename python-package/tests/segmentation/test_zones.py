"""Finding zones: in their place in mm for every orientation and spacing, with volumes, flags, record, progress and cancel."""

from itertools import permutations, product

import numpy as np
import pytest
import torch

import pdm_core
from pdm_core import CancelledError, InputError, MissingDependencyError, Volume
from pdm_core.segmentation.labels import ZONES
from pdm_core.segmentation.zones import find_zones

ORIENTATIONS = [np.eye(3)[:, order] * signs for order in permutations(range(3)) for signs in product((1.0, -1.0), repeat=3)]
TURN, TILT = np.radians(23.0), np.radians(-11.0)
OBLIQUE = np.array(
    [[np.cos(TURN), -np.sin(TURN), 0], [np.sin(TURN), np.cos(TURN), 0], [0, 0, 1]]
) @ np.array([[1, 0, 0], [0, np.cos(TILT), -np.sin(TILT)], [0, np.sin(TILT), np.cos(TILT)]])  # fmt: skip
CENTRE = np.array([12.5, -33.25, 101.0])
# Off the middle of the field of view, about it: centres and radii in mm, RAS. The peripheral zone lies behind.
BALLS = {1: (CENTRE + np.array((6.0, -18.0, 1.0)), 12.0), 2: (CENTRE + np.array((6.0, 4.0, 1.0)), 13.0)}


def a_phantom(direction=ORIENTATIONS[0], spacing=(0.9, 1.0, 3.0), extent=84.0):
    """A cube of tissue with a ball for each zone, smooth at their borders, brightest the transition zone."""
    shape = tuple(round(extent / size) for size in spacing[::-1])
    matrix = np.eye(4)
    matrix[:3, :3] = direction * np.array(spacing)
    matrix[:3, 3] = CENTRE - matrix[:3, :3] @ ((np.array(shape[::-1]) - 1) / 2)
    k, j, i = np.indices(shape)
    place = np.stack((i, j, k, np.ones_like(i)), axis=-1) @ matrix[:3].T
    array = np.full(shape, 100.0)
    for label, (centre, radius) in BALLS.items():
        inside = np.clip((radius - np.linalg.norm(place - centre, axis=-1)) / 3.0 + 0.5, 0, 1)
        array += 300.0 * label * inside
    return Volume(array, matrix)


def centroid_mm(labels, label):
    found = np.argwhere(labels.array == label)
    return (labels.ijk_to_ras @ np.append(found.mean(axis=0)[::-1], 1.0))[:3]


@pytest.mark.parametrize("direction", [*ORIENTATIONS, OBLIQUE], ids=range(49))
def test_zones_lie_where_they_are_in_the_patient(seeing, direction):
    volume = a_phantom(direction)
    zones = find_zones(volume, device="cpu")
    np.testing.assert_array_equal(zones.labels.ijk_to_ras, volume.ijk_to_ras)
    assert zones.labels.shape == volume.shape
    # The brighter ball has a rim of the darker one's brightness all around: that moves no centre of its own.
    np.testing.assert_allclose(centroid_mm(zones.labels, 2), BALLS[2][0], atol=0.6)
    assert zones.volumes_ml["transition_zone"] == pytest.approx(4 / 3 * np.pi * 13.0**3 / 1000, rel=0.2)


@pytest.mark.parametrize("spacing", [(0.3, 0.3, 3.6), (1.0, 1.0, 1.0), (3.6, 0.62, 0.62), (0.6, 3.0, 0.6), (0.5, 0.5, 1.25)])
def test_any_spacing_gives_the_same_volumes_and_places(seeing, spacing):
    zones = find_zones(a_phantom(spacing=spacing), device="cpu")
    usual = find_zones(a_phantom(), device="cpu")
    np.testing.assert_allclose(centroid_mm(zones.labels, 2), BALLS[2][0], atol=0.7)
    for name, volume in usual.volumes_ml.items():
        assert zones.volumes_ml[name] == pytest.approx(volume, rel=0.15), name


def test_the_labels_are_the_likelier_of_the_probabilities(seeing):
    volume = a_phantom()
    zones = find_zones(volume, device="cpu")
    probabilities = zones.probabilities
    assert probabilities.shape == (3, *volume.shape) and probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=0), 1.0, atol=1e-5)
    np.testing.assert_array_equal(probabilities.argmax(axis=0), zones.labels.array)
    labels = pdm_core.segment_zones(volume, device="cpu")
    np.testing.assert_array_equal(labels.array, zones.labels.array)
    assert set(np.unique(labels.array)) <= {0.0, *ZONES}


def test_the_record_tells_what_a_reader_needs_and_the_licence_is_said(seeing):
    heard = []
    zones = find_zones(a_phantom(), device="cpu", warn=heard.append)
    record = zones.record
    assert record["model"] == {
        "name": "seer", "engine": "zonal_unet", "version": "0", "sha256": seeing.sha256, "licence": "CC BY-NC 4.0",
        "non_commercial": True,
    }  # fmt: skip
    assert "non-commercial use only" in heard[0] and heard == record["warnings"]
    assert record["volumes_ml"] == zones.volumes_ml and record["flags"] == list(zones.flags)
    assert len(record["input"]["sha256"]) == 64 and "not for diagnosis" in record["notice"]
    assert zones.report == {
        "volumes_ml": zones.volumes_ml, "flags": list(zones.flags), "model": "seer", "licence": "CC BY-NC 4.0",
        "non_commercial": True,
    }  # fmt: skip


def test_a_piece_apart_is_left_out_and_said(seeing):
    volume = a_phantom()
    array = volume.array.copy()
    array[2:4, 4:12, 4:12] = 400
    zones = find_zones(volume.with_array(array), device="cpu")
    assert zones.labels.array[2:4, 4:12, 4:12].max() == 0
    assert "in 2 pieces" in " ".join(zones.flags) and zones.record["pieces"] == 2 and zones.record["left_out_ml"] > 0.05
    assert "see whether" not in " ".join(zones.flags)
    array[12:20, :24, :24] = 400
    array[:8, :24, -20:] = 400
    zones = find_zones(volume.with_array(array), device="cpu")
    assert "see whether it is the prostate" in " ".join(zones.flags)


def test_pixels_that_are_coarser_than_the_training_s_are_said(seeing):
    heard = []
    find_zones(a_phantom(spacing=(1.5, 1.5, 3.0)), device="cpu", warn=heard.append)
    assert "The pixels are 1.50 mm" in " ".join(heard)


def test_nothing_to_see_is_said(seeing):
    random = np.random.default_rng(0)
    volume = a_phantom()
    zones = find_zones(Volume(100 + random.random(volume.shape) * 1e-3, volume.ijk_to_ras), device="cpu", model="seer")
    assert zones.flags


def test_progress_counts_and_cancel_stops(seeing):
    events = []
    find_zones(a_phantom(), device="cpu", progress=events.append)
    assert events[-1].step == events[-1].of > 1
    with pytest.raises(CancelledError):
        find_zones(a_phantom(), device="cpu", cancel=lambda: True)


def test_an_untrained_network_runs_through(zone_zoo):
    zones = find_zones(a_phantom(), device="cpu")
    assert zones.labels.shape == a_phantom().shape and zones.volumes_ml["gland"] >= 0


def test_what_is_not_there_is_said(zone_zoo, monkeypatch):
    with pytest.raises(InputError, match="no zone model 'giant'"):
        find_zones(a_phantom(), model="giant")
    with pytest.raises(InputError, match="no device 'tpu'"):
        find_zones(a_phantom(), device="tpu")
    with pytest.raises(InputError, match="1 slice"):
        find_zones(Volume(a_phantom().array[:1], a_phantom().ijk_to_ras))
    monkeypatch.setattr("pdm_core.zoo.catalogue.list_zone_models", list)
    with pytest.raises(MissingDependencyError, match="No zone model is installed"):
        find_zones(a_phantom())


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_cuda_agrees_with_the_cpu(zone_zoo):
    cpu, cuda = (find_zones(a_phantom(), device=device).probabilities for device in ("cpu", "cuda"))
    np.testing.assert_allclose(cuda, cpu, atol=1e-2)


def test_right_and_left_are_treated_alike(zone_zoo):
    from pdm_core.segmentation.zoo_segmenter import seen_both_ways
    from pdm_core.zoo import load_zone_network

    network, image = load_zone_network(zone_zoo), torch.rand(1, 1, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        alike, alone = (lambda x, net=net: net(x.flip(-1)).flip(-1) - net(x) for net in (seen_both_ways(network), network))
        assert alike(image).abs().max() < 1e-5 < 1e-3 < alone(image).abs().max()


def test_no_zone_lies_where_there_is_no_data(seeing):
    """A flood across half of the brighter ball; on another grid it is known there by its own value."""
    whole = a_phantom()
    noise = np.random.default_rng(0).standard_normal(whole.shape)
    mask = np.zeros(whole.shape, bool)
    mask[:, :, 50:] = True
    array = np.where(mask, np.float32(-2000), whole.array + noise)
    volume = whole.with_array(array.astype(np.float32))
    zones, all_of_it = find_zones(volume, device="cpu"), find_zones(whole, device="cpu")
    assert all_of_it.labels.array[mask].any() and not zones.labels.array[mask].any()
    same = (zones.labels.array == all_of_it.labels.array)[~mask]
    assert same.mean() > 0.98 and zones.labels.array.max() == 2
    assert not zones.on(volume).array[mask].any() and not zones.probabilities[1:, mask].any()
    assert any("hold no data" in line for line in zones.record["warnings"])
