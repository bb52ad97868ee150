"""Parts of one series that are one volume, one failed case, or volumes of their own."""

import numpy as np
import pytest

from pdm_core.errors import InputError
from pdm_core.volume import read_volume
from pdm_core.volume.sources import find_sources


@pytest.mark.parametrize("end", [0, 5])
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"PixelSpacing": [0.801, 0.7]}, "pixel spacing 0.801 x 0.7"),
        ({"ImageOrientationPatient": [1, 0, 0, 0, 0.999999, 0.0015]}, "orientation"),
        ({"ImageOrientationPatient": [1, 0, 0, 0, -1, 0], "ImagePositionPatient": [10, -4.8]}, "orientation"),
        ({"Rows": 18, "PixelData": bytes(2 * 18 * 24)}, "matrix 24 x 18"),
    ],
)
def test_a_slice_at_an_end_with_another_geometry_is_no_volume_of_its_own(tmp_path, made, end, change, told):
    def differ(dataset, number):
        for name, value in change.items() if number == end else ():
            setattr(dataset, name, [*value, 30 + 3 * number] if name == "ImagePositionPatient" else value)

    made.a_series(tmp_path, differ)
    (source,) = find_sources([tmp_path])
    for read in (source.read, lambda: read_volume(tmp_path)):
        with pytest.raises(InputError, match=f"the series lies in 2 parts .*{told}"):
            read()


def test_localizers_in_three_planes_stay_stacks_of_their_own(tmp_path, made):
    planes = [[1, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, -1], [1, 0, 0, 0, 0, -1]]
    for number in range(9):
        plane = planes[number // 3]
        place = np.cross(plane[:3], plane[3:]) * 10 * (number % 3 - 1) - 8 * np.array(plane[:3]) - 8 * np.array(plane[3:])
        dataset = made.a_slice(0, ImageOrientationPatient=plane, ImagePositionPatient=list(map(float, place)))
        dataset.SOPInstanceUID, dataset.PixelData = f"1.2.3.4.{number + 1}", made.values[number % 6].tobytes()
        made.save(dataset, tmp_path / f"IM{number}")
    assert sorted(source.read().shape[0] for source in find_sources([tmp_path])) == [3, 3, 3]


def test_repeats_with_another_matrix_stay_stacks_of_their_own(tmp_path, made):
    made.a_series(tmp_path / "a")
    smaller = {"Rows": 16, "Columns": 20, "PixelSpacing": [1.0, 0.84]}
    for number in range(6):
        dataset = made.a_slice(number, PixelData=made.values[number, :16, :20].tobytes(), **smaller)
        dataset.ImagePositionPatient, dataset.SOPInstanceUID = [10.07, -19.9, 30 + 3 * number], f"1.2.3.5.{number}"
        made.save(dataset, tmp_path / "b" / f"IM{number}")
    assert [source.read().shape for source in find_sources([tmp_path])] == [(6, 20, 24), (6, 16, 20)]


@pytest.mark.parametrize(
    ("keyword", "values"),
    [("EchoTime", [101, 101.001, 101.002, 101.003, 101.004, 101.005]), ("TemporalPositionIdentifier", range(1, 7))],
)
def test_echo_times_that_jitter_and_times_that_count_slices_are_one_volume(tmp_path, made, keyword, values):
    made.a_series(tmp_path, lambda dataset, number: setattr(dataset, keyword, values[number]))
    (source,) = find_sources([tmp_path])
    volume = source.read()
    np.testing.assert_array_equal(volume.array, made.values)
    assert volume.spacing[0] == pytest.approx(0.7) and volume.spacing[2] == pytest.approx(3)
