"""The pipeline: geometry in mm, exactness of the measured band, samples, repeatability, cancelling, memory."""

from itertools import permutations, product

import numpy as np
import pytest
import torch

from pdm_core import CancelledError, InputError, SuperResolutionOptions, Volume, read_volume, super_resolve, write_volume
from pdm_core.degradation.kspace import downsample, project
from pdm_core.networks.devices import number_format
from pdm_core.pipeline.grid import InPlaneGrid
from pdm_core.pipeline.placement import zero_filled

pytestmark = pytest.mark.usefixtures("tiny_zoo")
TINY = {"model": "tiny", "device": "cpu"}


def a_volume(shape=(3, 48, 40), seed=0, matrix=None):
    random = np.random.default_rng(seed)
    smooth = torch.from_numpy(random.standard_normal((shape[0], 1, 24, 20))).float()
    array = torch.nn.functional.interpolate(smooth, shape[1:], mode="bicubic")[:, 0].numpy()
    return Volume(500 + 200 * array, np.diag([0.9, 0.9, 3.0, 1.0]) if matrix is None else matrix)


def centroid_mm(volume):
    k, j, i = np.indices(volume.shape)
    weight = volume.array - volume.array.min()
    weight = np.where(weight > 0.5 * weight.max(), weight, 0.0)
    place = np.stack((i, j, k, np.ones_like(i)), axis=-1) @ volume.ijk_to_ras.T
    return (place[..., :3] * weight[..., None]).sum(axis=(0, 1, 2)) / weight.sum()


def a_blob(matrix):
    """A band-limited impulse in one slice, well inside the field of view."""
    j, i = np.meshgrid(np.arange(40) - 17, np.arange(36) - 21, indexing="ij")
    array = np.zeros((3, 40, 36), np.float32)
    array[1] = 100 * np.exp(-(i**2 + j**2) / 18.0)
    return Volume(array, matrix)


@pytest.mark.parametrize("align", ["index0", "fov"])
@pytest.mark.parametrize("number", range(48))
def test_an_impulse_stays_at_its_place_in_mm(align, number, tmp_path):
    orders = [np.eye(3)[:, o] * s for o in permutations(range(3)) for s in product((1.0, -1.0), repeat=3)]
    matrix = np.eye(4)
    matrix[:3, :3] = orders[number] * np.array([0.8, 0.9, 3.0])
    matrix[:3, 3] = (10.0, -20.0, 30.0)
    check_place(a_blob(matrix), align, tmp_path)


@pytest.mark.parametrize("align", ["index0", "fov"])
@pytest.mark.parametrize("handedness", [1.0, -1.0])
@pytest.mark.parametrize("factor", [2.0, 3.0, 2.6])
def test_an_impulse_stays_at_its_place_when_oblique_or_left_handed(align, handedness, factor, tmp_path):
    c, s = np.cos(0.3), np.sin(0.3)
    rotation = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, c, s], [0, -s, c]])
    matrix = np.eye(4)
    matrix[:3, :3] = rotation * np.array([0.8, 0.9, 3.0 * handedness])
    check_place(a_blob(matrix), align, tmp_path, factor)


def check_place(volume, align, folder, factor=2.0):
    source = read_volume(write_volume(volume, folder / "in.nrrd"))
    options = SuperResolutionOptions(factor=factor, align=align, steps=1, **TINY)
    result = super_resolve(source, options).volume
    found = read_volume(write_volume(result, folder / "out.nrrd"))
    np.testing.assert_allclose(centroid_mm(found), centroid_mm(volume), atol=0.1)


@pytest.mark.parametrize("factor", [1.5, 2.0, 2.37, 4.0])
def test_index0_keeps_the_first_voxel_and_fov_the_outer_box(factor):
    volume = a_volume()
    for align in ("index0", "fov"):
        result = super_resolve(volume, SuperResolutionOptions(factor=factor, align=align, steps=1, **TINY)).volume
        assert result.shape[1:] == (round(48 * factor), round(40 * factor))
        if align == "index0":
            np.testing.assert_allclose(result.ijk_to_ras[:, 3], volume.ijk_to_ras[:, 3])
        else:
            for corner in (-0.5, 1.0):
                edges = [corner if corner < 0 else n - 0.5 for n in volume.shape[:0:-1]]
                finer = [corner if corner < 0 else n - 0.5 for n in result.shape[:0:-1]]
                np.testing.assert_allclose(result.ijk_to_ras @ (*finer, 0, 1), volume.ijk_to_ras @ (*edges, 0, 1), atol=1e-9)


@pytest.mark.parametrize("pad", [False, True])
@pytest.mark.parametrize("align", ["index0", "fov"])
@pytest.mark.parametrize(("factor", "steps"), [(2.0, 3), (2.6, 2), (4.0, 1)])
def test_what_was_measured_stays_as_measured(align, factor, steps, pad):
    volume = a_volume()
    result = super_resolve(volume, SuperResolutionOptions(factor=factor, steps=steps, align=align, pad=pad, **TINY))
    assert result.provenance["consistency_db"] > 90
    if align == "index0":
        again = downsample(torch.from_numpy(result.volume.array)[:, None].double(), volume.shape[1:])[:, 0].numpy()
        assert np.abs(again - volume.array).max() < 1e-4 * np.ptp(volume.array)


def test_without_projection_the_measured_band_moves():
    options = SuperResolutionOptions(project=False, steps=2, **TINY)
    assert super_resolve(a_volume(), options).provenance["consistency_db"] < 80


def test_intensities_are_neither_shifted_nor_clipped():
    volume = a_volume()
    for gain, offset in ((1.0, 0.0), (0.001, -5.0), (1000.0, 1e5)):
        scaled = Volume(volume.array * np.float32(gain) + np.float32(offset), volume.ijk_to_ras)
        result = super_resolve(scaled, SuperResolutionOptions(steps=1, **TINY)).volume.array
        assert abs(result.mean() - scaled.array.mean()) < 1e-3 * np.ptp(scaled.array)
        assert result.max() > np.percentile(scaled.array, 99.95)


def test_the_same_seed_gives_the_same_image_and_another_seed_another():
    run = lambda seed: super_resolve(a_volume(), SuperResolutionOptions(seed=seed, steps=2, **TINY)).volume.array
    np.testing.assert_array_equal(run(1), run(1))
    assert np.abs(run(1) - run(2)).max() > 0


def test_the_batching_does_not_change_the_image():
    volume = a_volume((5, 48, 40))
    options = {"steps": 2, "sampler": "ancestral", "samples": 2, **TINY}
    one, three = (super_resolve(volume, SuperResolutionOptions(batch=batch, **options)) for batch in (1, 3))
    np.testing.assert_allclose(one.volume.array, three.volume.array, atol=2e-3)
    np.testing.assert_allclose(one.uncertainty.array, three.uncertainty.array, atol=2e-3)


def test_slices_share_their_noise():
    """Equal slices give equal results: nothing flickers but what differs between them."""
    volume = a_volume((1, 48, 40))
    twice = Volume(np.repeat(volume.array, 2, axis=0), volume.ijk_to_ras)
    result = super_resolve(twice, SuperResolutionOptions(steps=3, sampler="ancestral", **TINY)).volume.array
    np.testing.assert_allclose(result[0], result[1], atol=1e-3)


def test_samples_give_their_mean_and_standard_deviation():
    options = {"steps": 2, **TINY}
    result = super_resolve(a_volume(), SuperResolutionOptions(samples=3, **options))
    assert result.uncertainty.array.min() >= 0 < result.uncertainty.array.max()
    np.testing.assert_array_equal(result.uncertainty.ijk_to_ras, result.volume.ijk_to_ras)
    assert result.provenance["consistency_db"] > 90
    assert super_resolve(a_volume(), SuperResolutionOptions(**options)).uncertainty is None


def test_samples_of_one_step_see_the_slices_by_different_symmetries_which_is_said():
    heard = []
    result = super_resolve(a_volume(), SuperResolutionOptions(steps=1, samples=8, **TINY), warn=heard.append)
    assert any("flipped or transposed" in line for line in heard)
    assert result.uncertainty.array.max() > 0 and result.provenance["consistency_db"] > 90
    assert result.provenance["sampling"]["symmetries"] == 8


def test_margins_are_whole_on_both_grids_and_absent_in_air():
    volume = a_volume((2, 107, 60)).array / 500
    for factor in (1.5, 2.0, 2.5, 3.1):
        grid = InPlaneGrid.of(volume, factor, "index0", pad=True)
        for axis in (0, 1):
            assert grid.margin[axis] * grid.high[axis] % grid.low[axis] == 0
            assert grid.padded_high[axis] * grid.low[axis] == grid.padded_low[axis] * grid.high[axis]
    in_air = np.zeros((2, 64, 64), np.float32)
    in_air[:, 20:40, 20:40] = 1
    assert InPlaneGrid.of(in_air, 2.0, "index0", pad=True).margin == (0, 0)


def test_progress_counts_every_slice_step_and_cancel_stops_in_between():
    events = []
    super_resolve(a_volume(), SuperResolutionOptions(steps=2, samples=2, **TINY), progress=events.append)
    assert (events[-1].step, events[-1].of) == (12, 12)
    assert events[-1].eta_s == 0.0
    calls = iter([False, False, True])
    with pytest.raises(CancelledError):
        super_resolve(a_volume(), SuperResolutionOptions(steps=5, **TINY), cancel=lambda: next(calls))


def test_the_provenance_tells_what_a_reader_needs(tiny_zoo):
    record = super_resolve(a_volume(), SuperResolutionOptions(steps=2, **TINY)).provenance
    assert record["model"]["sha256"] == tiny_zoo.sha256
    assert record["sampling"]["network_evaluations_per_slice"] == 2
    assert len(record["input"]["sha256"]) == 64
    assert "not for diagnosis" in record["notice"]
    assert {"torch", "numpy", "pdm_core", "python"} <= set(record["versions"])


def test_out_of_memory_halves_the_batch_and_says_so(monkeypatch):
    from pdm_core.diffusion.denoisers import ResidualDenoiser

    whole = ResidualDenoiser.estimate

    def small(self, x, *rest):
        if len(x) > 1:
            raise torch.cuda.OutOfMemoryError("simulated")
        return whole(self, x, *rest)

    volume, options = a_volume((5, 48, 40)), SuperResolutionOptions(steps=2, batch=4, **TINY)
    expected = super_resolve(volume, options).volume.array
    monkeypatch.setattr(ResidualDenoiser, "estimate", small)
    notes = []
    result = super_resolve(volume, options, warn=notes.append)
    np.testing.assert_allclose(result.volume.array, expected, atol=2e-3)
    assert [note for note in notes if "4 slices" in note] and [note for note in notes if "2 slices" in note]
    assert result.provenance["run"]["slices_at_a_time"] == 1


def test_tiles_are_fused_without_seams(tiny_zoo):
    from pdm_core.pipeline.tiles import TiledDenoiser
    from pdm_core.zoo import load_model

    denoiser = load_model(tiny_zoo)
    generator = torch.Generator().manual_seed(0)
    x, x_lr = torch.randn(1, 1, 160, 144, generator=generator), torch.from_numpy(a_volume((1, 160, 144)).array)[None] / 500
    with torch.no_grad():
        whole = denoiser.estimate(x, x_lr, 0.5, 2.0)
        tiled = TiledDenoiser(denoiser, 64).estimate(x, x_lr, 0.5, 2.0)
    scale = (whole - x_lr).std()
    difference = (whole - tiled).abs()
    assert difference.mean() < 0.1 * scale
    assert difference.max() < scale


def test_tiles_that_estimate_alike_are_fused_exactly():
    """An estimate that looks at each pixel alone is the same in tiles, also where a tile exceeds a side of the image."""
    from pdm_core.pipeline.tiles import TiledDenoiser

    class Pixelwise:
        bridge = None

        def estimate(self, x, x_lr, u, factor):
            assert x.shape[-2:] == (64, 64)
            return u * x - factor * x_lr

    generator = torch.Generator().manual_seed(0)
    x, x_lr = (torch.randn(2, 1, 150, 40, generator=generator) for _ in range(2))
    tiled = TiledDenoiser(Pixelwise(), 64).estimate(x, x_lr, 0.5, 2.0)
    torch.testing.assert_close(tiled, 0.5 * x - 2.0 * x_lr)


@pytest.mark.parametrize("align", ["index0", "fov"])
def test_what_was_added_has_nothing_in_the_measured_band(align):
    volume = a_volume()
    result = super_resolve(volume, SuperResolutionOptions(steps=2, align=align, **TINY)).volume
    plain = zero_filled(volume, 2.0, align)
    np.testing.assert_allclose(plain.ijk_to_ras, result.ijk_to_ras, atol=1e-12)
    added = torch.from_numpy(result.array - plain.array)[:, None].double()
    size = (volume.shape[1], volume.shape[2])
    measured_part = added - (added - project(added, size))
    assert measured_part.abs().max() < 2e-3 * np.ptp(volume.array)
    assert added.std() > 1e-3 * np.ptp(volume.array)


@pytest.mark.parametrize(
    ("volume", "factor", "reason"),
    [
        (a_volume((1, 20, 40)), 2.0, "at least 32"),
        (a_volume(), 5.0, "outside the range"),
        (a_volume(), 1.2, "outside the range"),
    ],
)
def test_volumes_and_factors_beyond_the_model_are_refused(volume, factor, reason):
    with pytest.raises(InputError, match=reason):
        super_resolve(volume, SuperResolutionOptions(factor=factor, **TINY))


def test_a_volume_unlike_the_training_images_brings_warnings():
    notes = []
    matrix = np.diag([4.0, 3.0, 3.0, 1.0])
    foreign = Volume(a_volume().array, matrix, {"modality": "CT"})
    super_resolve(foreign, SuperResolutionOptions(steps=1, **TINY), warn=notes.append)
    assert len(notes) == 3 and any("CT" in note for note in notes) and any("not square" in note for note in notes)


@pytest.mark.skipif(number_format(torch.device("cpu")) is torch.float32, reason="this CPU or torch has no bfloat16")
def test_bfloat16_changes_next_to_nothing_and_is_told_of():
    volume, options = a_volume(), {"steps": 3, "model": "tiny", "device": "cpu"}
    quick, full = (super_resolve(volume, SuperResolutionOptions(precision=p, **options)) for p in ("auto", "float32"))
    difference = np.abs(quick.volume.array - full.volume.array).max()
    assert 0.0 < difference < 1e-2 * np.ptp(volume.array)
    assert [each.provenance["run"]["numbers"] for each in (quick, full)] == ["bfloat16", "float32"]


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_cuda_agrees_with_the_cpu():
    volume, options = a_volume(), {"steps": 3, "model": "tiny"}
    cpu, cuda = (super_resolve(volume, SuperResolutionOptions(device=d, **options)).volume.array for d in ("cpu", "cuda"))
    assert np.abs(cpu - cuda).max() < 1e-2 * np.ptp(volume.array)
