"""What becomes of every folder of real DICOM: read, or refused with the reason."""

import numpy as np
import pytest

from pdm_core.errors import InputError
from pdm_core.volume import read_volume

VENDORS = "dicom/dicom2nifti_multivendor"
READ = {
    f"{VENDORS}/failing/slicecount/001": (2, 256, 256),
    f"{VENDORS}/ge/anatomical/001": (4, 256, 256),
    f"{VENDORS}/ge/anatomical/001_implicit": (4, 256, 256),
    f"{VENDORS}/ge/anatomical/001_single_slice": (1, 256, 256),
    f"{VENDORS}/generic/anatomical/001": (4, 256, 256),
    f"{VENDORS}/generic/anatomical/001_implicit": (4, 256, 256),
    f"{VENDORS}/generic/anatomical/002_non_isotropic": (4, 28, 64),
    f"{VENDORS}/generic/compressed_j2k/001": (4, 256, 256),
    f"{VENDORS}/generic/compressed_jpeg/001": (4, 256, 256),
    f"{VENDORS}/generic/compressed_jpegls/001": (4, 256, 256),
    f"{VENDORS}/generic/compressed_rle/001": (4, 256, 256),
    f"{VENDORS}/hitachi/anatomical/001": (4, 64, 64),
    f"{VENDORS}/hitachi/anatomical/001_implicit": (4, 64, 64),
    f"{VENDORS}/hyperfine/anatomical/001": (8, 138, 112),
    f"{VENDORS}/philips/anatomical/001": (4, 240, 240),
    f"{VENDORS}/philips/anatomical/001_implicit": (4, 240, 240),
    f"{VENDORS}/philips_enhanced/anatomical/001": (8, 256, 256),
    f"{VENDORS}/philips_enhanced/anatomical/001_implicit": (8, 256, 256),
    f"{VENDORS}/siemens/anatomical/001": (4, 256, 256),
    f"{VENDORS}/siemens/anatomical/001_implicit": (4, 256, 256),
    f"{VENDORS}/siemens_multiframe/anatomical/001": (8, 256, 256),
    "dicom/prostatex_siemens/ProstateX-0001/localizer_sag_3slices": (3, 256, 256),
    "dicom/prostatex_siemens/ProstateX-0218/localizer_single_slice": (1, 128, 128),
    "dicom/prostatex_siemens/ProstateX-0218/t2_cor": (19, 320, 320),
    "dicom/prostatex_siemens/ProstateX-0218/t2_sag": (23, 320, 320),
    "dicom/prostatex_siemens/ProstateX-0218/t2_tra": (20, 320, 320),
    "dicom/slicetracker_siemens_verio/t2_needle_guidance_oblique_gap": (20, 256, 320),
}
REFUSED = {
    f"{VENDORS}/failing/gantrytilting/001": "gantry tilt of 14.0 degrees",
    f"{VENDORS}/failing/notavolume/001": "lie where another slice lies",
    f"{VENDORS}/failing/sliceincrement/001": "missing between 28.11 and 38.11 mm",
    f"{VENDORS}/failing/sliceincrement/002": "missing between",
    f"{VENDORS}/failing/sliceorientation/001": "2 stacks of slices",
    "dicom/brain_enhanced_philips_siemens_xa10": "6 stacks of slices",
    "dicom/brain_siemens_xa30_enhanced": "2 stacks of slices",
    "dicom/knee_ge_multiecho_bigendian": "8 stacks of slices",
    "dicom/prostatex_siemens/ProstateX-0001/localizer_3plane_mixed": "3 stacks of slices",
    "dicom/slicetracker_siemens_verio/localizer_mixed": "3 stacks of slices",
}
CHOICES = {
    ("dicom/brain_enhanced_philips_siemens_xa10", "6.2"): (6, 64, 64),
    ("dicom/brain_enhanced_philips_siemens_xa10", "801.1"): (32, 64, 64),
    ("dicom/brain_siemens_xa30_enhanced", "5"): (96, 128, 128),
    ("dicom/knee_ge_multiecho_bigendian", "8.3"): (6, 256, 256),
    ("dicom/prostatex_siemens/ProstateX-0001/localizer_3plane_mixed", "1.2"): (5, 256, 256),
    ("dicom/slicetracker_siemens_verio/localizer_mixed", "1.3"): (7, 512, 512),
}


@pytest.mark.parametrize("folder", READ)
def test_it_is_read(shared_data, folder):
    volume = read_volume(shared_data / folder)
    assert volume.shape == READ[folder]
    assert volume.array.std() > 0
    assert volume.metadata["format"] == "dicom"
    assert not any("patient" in key.lower() for key in volume.metadata)


@pytest.mark.parametrize("folder", REFUSED)
def test_it_is_refused_with_the_reason_and_a_remedy(shared_data, folder):
    with pytest.raises(InputError, match=REFUSED[folder]) as refusal:
        read_volume(shared_data / folder)
    assert refusal.value.hint


@pytest.mark.parametrize(("folder", "series"), CHOICES)
def test_a_choice_among_stacks_is_followed(shared_data, folder, series):
    assert read_volume(shared_data / folder, series=series).shape == CHOICES[folder, series]


def test_every_folder_has_a_verdict(shared_data):
    folders = {path.parent for path in (shared_data / "dicom").rglob("*") if path.is_file() and path.suffix != ".md"}
    known = {shared_data / folder for folder in (*READ, *REFUSED)}
    assert folders <= known


@pytest.mark.parametrize("syntax", ["j2k", "jpeg", "jpegls", "rle"])
def test_every_lossless_syntax_gives_the_same_intensities(shared_data, syntax):
    plain = read_volume(shared_data / f"{VENDORS}/generic/compressed_rle/001")
    volume = read_volume(shared_data / f"{VENDORS}/generic/compressed_{syntax}/001")
    tolerance = 2.0 if syntax == "j2k" else 0.0
    np.testing.assert_allclose(volume.array, plain.array, atol=tolerance)
    np.testing.assert_allclose(volume.ijk_to_ras, plain.ijk_to_ras)


@pytest.mark.parametrize("plane", ["t2_tra", "t2_sag", "t2_cor"])
def test_dicom_and_nifti_of_one_series_agree_voxel_by_voxel_in_the_patient(shared_data, plane):
    dicom = read_volume(shared_data / "dicom/prostatex_siemens/ProstateX-0218" / plane)
    nifti = read_volume(shared_data / f"prostate/prostatex/ProstateX-0218/{plane}.nii.gz")
    to_nifti = np.linalg.inv(nifti.ijk_to_ras) @ dicom.ijk_to_ras
    k, j, i = np.indices(dicom.shape)
    where = np.stack((i, j, k, np.ones_like(i)), axis=-1) @ to_nifti.T
    index = np.rint(where[..., :3]).astype(int)
    assert np.abs(where[..., :3] - index).max() < 2e-3
    np.testing.assert_array_equal(nifti.array[index[..., 2], index[..., 1], index[..., 0]], dicom.array)


def test_the_order_of_slices_comes_from_their_place_not_from_names_or_numbers(shared_data, tmp_path):
    pydicom = pytest.importorskip("pydicom")
    folder = shared_data / "dicom/prostatex_siemens/ProstateX-0218/t2_tra"
    files = sorted(path for path in folder.iterdir() if path.suffix != ".md")
    for number, path in enumerate(np.random.default_rng(0).permutation(files)):
        dataset = pydicom.dcmread(path)
        dataset.InstanceNumber = number
        dataset.save_as(tmp_path / f"{number:03}.dcm")
    np.testing.assert_array_equal(read_volume(tmp_path).array, read_volume(folder).array)


def test_a_colour_image_is_refused_alone_and_passed_over_beside_a_series(shared_data, tmp_path):
    pydicom = pytest.importorskip("pydicom")
    folder = shared_data / "dicom/prostatex_siemens/ProstateX-0218/t2_tra"
    files = sorted(path for path in folder.iterdir() if path.suffix != ".md")
    report = pydicom.dcmread(files[0])
    report.SamplesPerPixel, report.SeriesInstanceUID = 3, "1.2.3"
    report.save_as(tmp_path / "report.dcm")
    with pytest.raises(InputError, match="is a color image"):
        read_volume(tmp_path)
    for number, path in enumerate(files):
        pydicom.dcmread(path).save_as(tmp_path / f"{number}.dcm")
    assert read_volume(tmp_path).shape == (20, 320, 320)


@pytest.mark.parametrize(
    ("folder", "thickness", "distance"),
    [
        ("dicom/slicetracker_siemens_verio/t2_needle_guidance_oblique_gap", 3.0, 3.6),
        ("dicom/prostatex_siemens/ProstateX-0218/t2_tra", 3.0, 3.6),
        (f"{VENDORS}/philips_enhanced/anatomical/001", 1.2, 1.2),
    ],
)
def test_thickness_and_distance_of_the_slices_are_kept_apart(shared_data, folder, thickness, distance):
    volume = read_volume(shared_data / folder)
    assert float(volume.metadata["slice_thickness_mm"]) == pytest.approx(thickness)
    assert volume.spacing[2] == pytest.approx(distance, abs=0.01)
