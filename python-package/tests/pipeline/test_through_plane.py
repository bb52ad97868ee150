"""Between the slices: geometry in mm, exactness of the measured slices, samples, repeatability, what is refused and noted."""

from itertools import permutations, product

import numpy as np
import pytest
import torch

from pdm_core import CancelledError, InputError, SuperResolutionOptions, Volume, read_volume, super_resolve, write_volume
from pdm_core.degradation.profile import SliceOperator, SliceProfile
from pdm_core.pipeline.lattice import Lattice
from pdm_core.pipeline.placement import measured_only, output_lattice
from pdm_core.pipeline.slices import SliceGrid

pytestmark = pytest.mark.usefixtures("both_zoo")
THICK = {"slice_thickness_mm": 3.6}


def options(**changes):
    return SuperResolutionOptions(**{"mode": "through-plane", "factor": None, "device": "cpu", "steps": 2, **changes})


def a_volume(shape=(6, 36, 40), seed=0, matrix=None, metadata=THICK):
    random = np.random.default_rng(seed)
    smooth = torch.from_numpy(random.standard_normal((1, 1, 4, 12, 12))).float()
    array = torch.nn.functional.interpolate(smooth, shape, mode="trilinear", align_corners=True)[0, 0].numpy()
    return Volume(500 + 200 * array, np.diag([0.9, 0.9, 3.6, 1.0]) if matrix is None else matrix, metadata)


def centroid_mm(volume):
    k, j, i = np.indices(volume.shape)
    weight = volume.array - volume.array.min()
    weight = np.where(weight > 0.3 * weight.max(), weight, 0.0)
    place = np.stack((i, j, k, np.ones_like(i)), axis=-1) @ volume.ijk_to_ras.T
    return (place[..., :3] * weight[..., None]).sum(axis=(0, 1, 2)) / weight.sum()


def a_blob(matrix):
    """A blob in the middle of three slices, well inside."""
    k, j, i = np.meshgrid(np.arange(9) - 4, np.arange(36) - 15, np.arange(34) - 18, indexing="ij")
    array = 100 * np.exp(-(k**2) / 2.0 - (i**2 + j**2) / 18.0)
    return Volume(array.astype(np.float32), matrix, {"slice_thickness_mm": 3.0})


def check_place(volume, folder, **changes):
    source = read_volume(write_volume(volume, folder / "in.nrrd"))
    source = Volume(source.array, source.ijk_to_ras, volume.metadata)
    found = read_volume(write_volume(super_resolve(source, options(steps=1, **changes)).volume, folder / "out.nrrd"))
    np.testing.assert_allclose(centroid_mm(found), centroid_mm(volume), atol=0.15)


@pytest.mark.parametrize("align", ["index0", "fov"])
@pytest.mark.parametrize("number", range(0, 48, 5))
def test_an_impulse_stays_at_its_place_in_mm(align, number, tmp_path):
    orders = [np.eye(3)[:, o] * s for o in permutations(range(3)) for s in product((1.0, -1.0), repeat=3)]
    matrix = np.eye(4)
    matrix[:3, :3] = orders[number] * np.array([0.8, 0.9, 3.0])
    matrix[:3, 3] = (10.0, -20.0, 30.0)
    check_place(a_blob(matrix), tmp_path, align=align)


@pytest.mark.parametrize("align", ["index0", "fov"])
@pytest.mark.parametrize("handedness", [1.0, -1.0])
@pytest.mark.parametrize("factor", [2.0, 2.7, 3.0])
def test_an_impulse_stays_at_its_place_when_oblique_or_left_handed(align, handedness, factor, tmp_path):
    c, s = np.cos(0.3), np.sin(0.3)
    rotation = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, c, s], [0, -s, c]])
    matrix = np.eye(4)
    matrix[:3, :3] = rotation * np.array([0.8, 0.9, 3.0 * handedness])
    check_place(a_blob(matrix), tmp_path, align=align, factor=factor)


@pytest.mark.parametrize(("factor", "slices"), [(None, 24), (2.0, 12), (2.6, 16), (8.0, 48)])
def test_spacing_and_ends_are_exact_in_mm(factor, slices):
    volume = a_volume()
    first = super_resolve(volume, options(factor=factor, steps=1)).volume
    assert first.shape == (slices, 36, 40)
    np.testing.assert_allclose(first.spacing, (0.9, 0.9, 3.6 * 6 / slices))
    np.testing.assert_allclose(first.ijk_to_ras[:, 3], volume.ijk_to_ras[:, 3], atol=1e-12)
    assert "slice_thickness_mm" not in first.metadata
    box = super_resolve(volume, options(factor=factor, steps=1, align="fov")).volume
    for k, finer in ((-0.5, -0.5), (5.5, slices - 0.5)):
        np.testing.assert_allclose(box.ijk_to_ras @ (0, 0, finer, 1), volume.ijk_to_ras @ (0, 0, k, 1), atol=1e-9)


@pytest.mark.parametrize("align", ["index0", "fov"])
@pytest.mark.parametrize("profile", ["box", "gaussian", "sinc"])
@pytest.mark.parametrize("thickness", [2.8, 4.5])
def test_averaging_over_the_slices_gives_the_slices(align, profile, thickness):
    volume = a_volume()
    result = super_resolve(volume, options(align=align, profile=profile, thickness_mm=thickness))
    assert result.provenance["consistency_db"] > 90
    operator = SliceOperator(6, 24, align, SliceProfile(profile, thickness / 3.6))
    again = operator.apply(torch.from_numpy(result.volume.array).double().flatten(1)).reshape(volume.shape).numpy()
    assert np.abs(again - volume.array).max() < 1e-4 * np.ptp(volume.array)


def test_without_projection_the_slices_move():
    assert super_resolve(a_volume(), options(project=False)).provenance["consistency_db"] < 80


def test_both_families_of_planes_count_alike():
    """Rows and columns exchanged, noise aside, the result is the same with rows and columns exchanged."""
    volume = a_volume()
    turned = Volume(volume.array.transpose(0, 2, 1), np.diag([0.9, 0.9, 3.6, 1.0]), THICK)
    # One step from a_K = 0 does not see the noise.
    one, other = (super_resolve(item, options(steps=1)).volume.array for item in (volume, turned))
    np.testing.assert_allclose(one, other.transpose(0, 2, 1), atol=1e-3 * np.ptp(one))
    assert np.abs(one - measured_only(volume, options()).array).max() > 1e-3 * np.ptp(one)


def test_the_same_seed_gives_the_same_volume_and_the_batching_does_not_matter():
    run = lambda **changes: super_resolve(a_volume(), options(**changes)).volume.array
    np.testing.assert_array_equal(run(seed=1), run(seed=1))
    assert np.abs(run(seed=1) - run(seed=2)).max() > 0
    np.testing.assert_allclose(run(sampler="ancestral", batch=1), run(sampler="ancestral", batch=7), atol=2e-3)


def test_samples_give_their_mean_and_standard_deviation():
    result = super_resolve(a_volume(), options(samples=3))
    assert result.uncertainty.array.min() >= 0 < result.uncertainty.array.max()
    np.testing.assert_array_equal(result.uncertainty.ijk_to_ras, result.volume.ijk_to_ras)
    assert result.provenance["consistency_db"] > 90


def test_what_was_added_averages_to_nothing_over_the_slices():
    volume = a_volume()
    plain = measured_only(volume, options())
    result = super_resolve(volume, options()).volume
    np.testing.assert_array_equal(plain.ijk_to_ras, result.ijk_to_ras)
    operator = SliceGrid.of(Lattice.of(volume), options()).operator
    added = operator.apply(torch.from_numpy(result.array - plain.array).double().flatten(1))
    assert added.abs().max() < 1e-4 * np.ptp(volume.array)


def test_progress_counts_every_plane_and_cancel_stops_between_them():
    events = []
    super_resolve(a_volume(), options(samples=2), progress=events.append)
    assert (events[-1].step, events[-1].of) == (2 * 2 * (36 + 40),) * 2
    asked = iter([False] * 5 + [True])
    with pytest.raises(CancelledError):
        super_resolve(a_volume(), options(batch=1), cancel=lambda: next(asked))


def test_isotropic_restores_pixels_then_slices_in_one_run():
    volume, events = a_volume(), []
    settings = options(mode="isotropic", factor=1.5, samples=2)
    result = super_resolve(volume, settings, progress=events.append)
    assert result.volume.shape == (36, 54, 60)
    np.testing.assert_allclose(result.volume.spacing, (0.6, 0.6, 0.6))
    assert events[-1].step == events[-1].of == 2 * 2 * (6 + 54 + 60)
    record = result.provenance
    assert (record["in_plane"]["model"]["name"], record["model"]["name"]) == ("tiny", "thin")
    assert record["consistency_db"] > 90 and record["input"]["shape_kji"] == [6, 36, 40]
    assert result.uncertainty.shape == result.volume.shape
    lattice = output_lattice(volume, settings)
    np.testing.assert_array_equal(lattice.ijk_to_ras, result.volume.ijk_to_ras)
    assert lattice.shape == result.volume.shape == measured_only(volume, settings).shape


def test_isotropic_without_a_factor_leaves_the_pixels():
    one, other = (super_resolve(a_volume(), options(mode=mode)).volume.array for mode in ("isotropic", "through-plane"))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("volume", "changes", "reason"),
    [
        (a_volume((1, 36, 40)), {}, "one slice"),
        (a_volume(matrix=np.diag([0.9, 0.9, 0.9, 1.0])), {}, "already as fine as the pixels"),
        (a_volume(matrix=np.diag([0.9, 0.9, 0.9, 1.0])), {"factor": 2.0}, "already as fine as the pixels"),
        (a_volume(matrix=np.diag([0.9, 0.9, 1.2, 1.0])), {}, "1.33 times finer"),
        (a_volume(matrix=np.diag([0.3, 0.3, 3.6, 1.0])), {}, "12 times finer"),
        (a_volume(), {"factor": 9.0}, "outside the range"),
        (a_volume(), {"factor": 1.2}, "outside the range"),
        (a_volume(), {"thickness_mm": 36.0}, "thickness of 36 mm does not go"),
        (a_volume((6, 20, 40)), {}, "at least 32"),
        (a_volume(), {"mode": "isotropic", "factor": 4.0}, "16 times finer"),
        (a_volume(), {"model": "tiny"}, "in-plane runs"),
        (a_volume(), {"mode": "in-plane", "factor": 2.0, "model": "thin"}, "through-plane runs"),
    ],
)
def test_what_cannot_be_restored_between_slices_is_refused(volume, changes, reason):
    with pytest.raises(InputError, match=reason) as refusal:
        super_resolve(volume, options(**changes))
    assert refusal.value.hint


@pytest.mark.parametrize(
    ("changes", "metadata", "matrix", "expected"),
    [
        ({}, THICK, (0.9, 0.9, 3.6), []),
        ({}, {}, (0.9, 0.9, 3.6), ["thickness is not known"]),
        ({}, {"slice_thickness_mm": "0"}, (0.9, 0.9, 3.6), ["thickness is not known"]),
        ({"thickness_mm": 5.4}, {}, (0.9, 0.9, 3.6), ["a ratio of 1.50"]),
        ({"factor": 2.0}, THICK, (0.9, 0.9, 3.6), ["1.80 mm apart, the pixels are 0.90 mm"]),
        ({"factor": 6.0}, {"slice_thickness_mm": 9.0}, (1.5, 1.5, 9.0), ["9.00 mm apart; the model thin"]),
        ({}, {**THICK, "modality": "CT"}, (0.9, 0.9, 3.6), ["CT, not MR"]),
    ],
)
def test_a_stack_unlike_the_training_images_brings_warnings(changes, metadata, matrix, expected):
    notes = []
    volume = a_volume(matrix=np.diag([*matrix, 1.0]), metadata=metadata)
    record = super_resolve(volume, options(steps=1, **changes), warn=notes.append).provenance
    assert notes == record["warnings"] and len(notes) == len(expected)
    assert all(text in note for text, note in zip(expected, notes, strict=True))


def test_the_provenance_tells_how_the_slices_were_taken(both_zoo):
    record = super_resolve(a_volume(), options(profile="box", align="fov")).provenance
    assert record["geometry"] == {
        "factor_slices": 4.0, "align": "fov", "profile": "box", "thickness_mm": 3.6, "thickness_from": "metadata",
        "thickness_matching": "none",
    }  # fmt: skip
    assert record["model"]["sha256"] == both_zoo.sha256
    assert record["run"]["megapixels"] == pytest.approx(2 * 2 * 24 * 36 * 40 / 1e6, abs=1e-3)
    assert record["options"]["profile"] == "box"


def test_out_of_memory_halves_the_planes_and_says_so(monkeypatch):
    from pdm_core.diffusion.denoisers import ResidualDenoiser

    whole = ResidualDenoiser.estimate

    def small(self, x, *rest):
        if len(x) > 1:
            raise torch.cuda.OutOfMemoryError("simulated")
        return whole(self, x, *rest)

    expected = super_resolve(a_volume(), options()).volume.array
    monkeypatch.setattr(ResidualDenoiser, "estimate", small)
    notes = []
    result = super_resolve(a_volume(), options(batch=4), warn=notes.append)
    np.testing.assert_allclose(result.volume.array, expected, atol=2e-3)
    assert [note for note in notes if "4 planes" in note] and result.provenance["run"]["slices_at_a_time"] == 1


def test_the_projection_brings_an_estimate_nearer_to_the_truth():
    """For slices y = A x_HR the error never grows (SCIENCE §6)."""
    from pdm_core.diffusion import Bridge
    from pdm_core.diffusion.sampling import SamplingPlan
    from pdm_core.pipeline.through_plane import ThroughPlaneRestorer
    from pdm_core.progress import Progress

    truth = torch.from_numpy(a_volume((24, 36, 40)).array) / 500
    operator = SliceOperator(6, 24, "fov", SliceProfile())
    measured = operator.apply(truth.flatten(1)).reshape(6, 36, 40).numpy()

    class Ripples:
        """A poor estimate: x_LR with ripples across the slices."""

        bridge = Bridge()

        def estimate(self, x, x_lr, u, factor):
            return x_lr + 0.1 * torch.cos(torch.arange(x.shape[-2]))[:, None]

        mixture = estimate

    errors = []
    for project in (False, True):
        restorer = ThroughPlaneRestorer(Ripples(), operator, SamplingPlan(steps=2), 1, 0, project, torch.device("cpu"))
        restored = restorer.restore(measured, 8, Progress("", 1), lambda line: None).mean
        errors.append(float(np.square(restored - truth.numpy()).sum()))
    assert errors[1] < errors[0]
