"""What preparation makes of volumes whose slices lie along another axis, and of voxels without data."""

import numpy as np

from pdm_core import Volume, write_volume
from pdm_core.training.dataset import SelectionRules, prepare
from pdm_core.training.zones.stacks import WorkingGrid, labelled_volumes
from pdm_core.volume.slice_axis import slices_back

SHAPE = (6, 72, 80)
PLACE = np.diag([-0.6, -0.6, 3.0, 1.0])


def a_scan(seed=0):
    k, j, i = np.indices(SHAPE)
    array = 300 + 100 * np.sin(i / 7 + k) * np.cos(j / 9) + 20 * np.random.default_rng(seed).standard_normal(SHAPE)
    return Volume(array.astype(np.float32), PLACE)


def some_labels():
    labels = np.zeros(SHAPE, np.float32)
    labels[1:5, 20:50, 20:40], labels[1:5, 30:50, 25:60] = 1, 2
    return Volume(labels, PLACE)


def prepared(folder, volume, labels=None):
    """The dataset of one volume, and its cached array."""
    folder.mkdir(exist_ok=True)
    write_volume(volume, folder / "t2_tra.nii.gz")
    table = ["image,split" + (",zones" if labels is not None else ""), "t2_tra.nii.gz,train"]
    if labels is not None:
        write_volume(labels, folder / "labels.nii.gz", dtype="uint8")
        table[1] += ",labels.nii.gz"
    (folder / "table.csv").write_text("\n".join(table) + "\n")
    dataset = prepare(folder / "table.csv", folder / "d", SelectionRules(min_slices=1, min_matrix=16))
    return dataset, np.load(folder / "d" / dataset.volumes[0].facts.file)


def test_slices_along_another_axis_are_cached_as_slices_with_their_labels(tmp_path):
    grid = WorkingGrid((3.0, 0.8, 0.8), (2.5, 4.0), (1.0, 99.0))
    dataset, expected = prepared(tmp_path / "third", a_scan(), some_labels())
    (usual,) = labelled_volumes(dataset, "train", ())
    for axis in (0, 1):
        turned = [slices_back(volume, axis) for volume in (a_scan(), some_labels())]
        dataset, cached = prepared(tmp_path / str(axis), *turned)
        np.testing.assert_array_equal(cached, expected)
        facts = dataset.volumes[0].facts
        assert facts.plane == "axial" and facts.shape == SHAPE and np.allclose(facts.spacing_mm, (0.6, 0.6, 3.0))
        (found,) = labelled_volumes(dataset, "train", ())
        for one, other in zip(found.open(grid).labels, usual.open(grid).labels, strict=True):
            np.testing.assert_array_equal(one, other)
        np.testing.assert_allclose(found.open(grid).image, usual.open(grid).image, atol=1e-4)


def test_a_flood_does_not_decide_the_intensities(tmp_path):
    volume = a_scan()
    array = volume.array.copy()
    array[:, :, 60:] = -32768
    dataset, cached = prepared(tmp_path, volume.with_array(array))
    low, high = dataset.volumes[0].facts.window
    assert volume.array.min() <= low < high <= volume.array.max()
    assert np.abs(cached).max() < 2
