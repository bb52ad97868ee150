"""Scans across one another: the motion between them is found, and a volume is seen as another scan would have seen it."""

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from pdm_core import Volume
from pdm_core.degradation.profile import SliceOperator, SliceProfile
from pdm_core.registration.rigid import RigidMotion, as_scanned, registered

EDGE, THICK = 48, 4


@pytest.fixture(scope="module")
def truth():
    """Balls of all sizes, 1 mm: K is superior, J posterior, I left."""
    random = np.random.default_rng(0)
    k, j, i = np.indices((EDGE,) * 3)
    array = np.zeros((EDGE,) * 3, np.float32)
    for _ in range(60):
        z, y, x, radius = random.uniform(0, EDGE, 4) * (1, 1, 1, 0.15)
        array[(k - z) ** 2 + (j - y) ** 2 + (i - x) ** 2 < radius**2] += random.uniform(100, 300)
    return array


def a_scan(truth, axis, shift=(0.0, 0.0, 0.0)):
    """`truth` in slices of 4 mm across one of its axes, in a patient who has moved by `shift` (RAS)."""
    matrix = np.diag([-1.0, -1.0, 1.0, 1.0])
    order = (axis, *(other for other in range(3) if other != axis))
    array = torch.from_numpy(truth.transpose(order).copy())
    operator = SliceOperator(EDGE // THICK, EDGE, "fov", SliceProfile())
    slices = operator.apply(array.flatten(1)).reshape(-1, EDGE, EDGE).numpy()
    columns = [2 - other for other in (order[2], order[1], order[0])]
    placed = np.eye(4)
    placed[:, :3] = matrix[:, columns] * (1.0, 1.0, THICK)
    placed[:3, 3] = shift + matrix[:3, columns[2]] * (THICK - 1) / 2.0
    return Volume(slices, placed, {"slice_thickness_mm": float(THICK)})


def test_the_motion_between_two_scans_is_found(truth):
    still, moved = (a_scan(truth, 2, shift) for shift in ((0.0, 0.0, 0.0), (1.0, -2.0, 1.5)))
    motion = registered(still, moved)
    np.testing.assert_allclose(motion.transform.TransformPoint((-20.0, -20.0, 20.0)), (-21.0, -18.0, 21.5), atol=0.3)
    assert motion.shift_mm == pytest.approx(np.sqrt(1 + 4 + 2.25), abs=0.3) and motion.turn_degrees < 1.0
    again = registered(still, moved).transform.GetParameters()
    np.testing.assert_allclose(again, motion.transform.GetParameters(), atol=1e-6)


def test_a_volume_seen_as_scanned_is_the_scan(truth):
    """The truth itself without its first rows, sampled through the profile of the sagittal slices."""
    matrix = np.diag([-1.0, -1.0, 1.0, 1.0])
    matrix[1, 3] = -6.0
    fine = Volume(truth[:, 6:], matrix)
    scan = a_scan(truth, 2)
    array, inside = as_scanned(fine, scan, RigidMotion(sitk.Euler3DTransform(), 0.0, 0.0))
    assert inside.mean() == pytest.approx(42 / 48) and not inside[:, :, :6].any()
    assert np.corrcoef(array[inside], scan.array[inside])[0, 1] > 0.995
