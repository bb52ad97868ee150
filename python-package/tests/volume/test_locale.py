"""A program that embeds the package may have set a decimal comma: files are read and written right all the same."""

import locale

import numpy as np
import pytest

from pdm_core import Volume, read_volume, write_volume

COMMAS = ("de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8", "German_Germany.1252")


@pytest.fixture
def decimal_comma():
    before = locale.setlocale(locale.LC_ALL)
    for name in COMMAS:
        try:
            locale.setlocale(locale.LC_ALL, name)
            break
        except locale.Error:
            continue
    else:
        pytest.skip(f"none of the locales {', '.join(COMMAS)} is installed (Debian: package locales, then localedef)")
    assert locale.localeconv()["decimal_point"] == ","
    yield
    locale.setlocale(locale.LC_ALL, before)


@pytest.mark.parametrize("ending", ["nii", "nii.gz", "nrrd", "seg.nrrd", "mha", "mhd"])
def test_a_decimal_comma_changes_nothing(tmp_path, decimal_comma, ending):
    matrix = np.diag([1.25, 1.5, 0.625, 1.0])
    matrix[:3, 3] = (-40.75, -30.5, 12.25)
    volume = Volume(np.random.default_rng(0).random((5, 20, 24)), matrix)
    path = write_volume(volume, tmp_path / f"v.{ending}", keys={"Segment0_ID": "gland"})
    assert locale.localeconv()["decimal_point"] == ","
    found = read_volume(path)
    assert locale.localeconv()["decimal_point"] == ","
    np.testing.assert_array_equal(found.array, volume.array)
    np.testing.assert_array_equal(found.ijk_to_ras, volume.ijk_to_ras)
    locale.setlocale(locale.LC_ALL, "C")
    np.testing.assert_array_equal(read_volume(path).ijk_to_ras, volume.ijk_to_ras)


def test_the_locale_is_restored_when_reading_fails(tmp_path, decimal_comma):
    (tmp_path / "v.nrrd").write_bytes(b"NRRD0005\ntype: short\n\n")
    with pytest.raises(Exception, match=r"v\.nrrd"):
        read_volume(tmp_path / "v.nrrd")
    assert locale.localeconv()["decimal_point"] == ","
