"""One grouping for all commands: what belongs together is one volume, and what does not is refused or told apart."""

import os
import shutil

import numpy as np
import pytest

from pdm_core.errors import InputError
from pdm_core.volume import read_volume
from pdm_core.volume.dicom.reader import dicom_stacks
from pdm_core.volume.sources import find_sources


def both(folder):
    """The volume of a folder as `upsample` and as `batch` read it."""
    (source,) = find_sources([folder])
    alone, of_batch = read_volume(folder), source.read()
    np.testing.assert_array_equal(alone.array, of_batch.array)
    np.testing.assert_array_equal(alone.ijk_to_ras, of_batch.ijk_to_ras)
    return source, alone


def refused_by_both(folder, match):
    """The one source of a folder that both refuse for the same reason."""
    (source,) = find_sources([folder])
    for read in (source.read, lambda: read_volume(folder)):
        with pytest.raises(InputError, match=match) as refusal:
            read()
        assert refusal.value.hint
    return source


def spread(made, root, folder_of, change=lambda dataset, number: None):
    for number in range(6):
        dataset = made.a_slice(number)
        change(dataset, number)
        made.save(dataset, root / folder_of(number) / f"IM{number}")
    return root


@pytest.mark.parametrize("folder_of", [lambda n: f"DIR00{n // 3}", lambda n: f"DIR00{n % 2}", lambda n: str(n)])
def test_a_series_that_spans_folders_is_one_volume(tmp_path, made, folder_of):
    source, volume = both(spread(made, tmp_path / "study", folder_of))
    np.testing.assert_array_equal(volume.array, made.values)
    assert source.name == "5_t2_tra" and source.path == tmp_path / "study"


def test_the_name_of_a_series_comes_from_the_folder_that_holds_all_of_it(tmp_path, made):
    for patient in ("anna", "berta"):
        for number in range(6):
            dataset = made.a_slice(number, SeriesInstanceUID=f"1.2.{len(patient)}")
            made.save(dataset, tmp_path / patient / f"part{number % 2}" / f"{number}")
    assert [source.name for source in find_sources([tmp_path])] == ["anna/5_t2_tra", "berta/5_t2_tra"]


def test_a_series_that_spans_two_inputs_is_one_volume(tmp_path, made):
    spread(made, tmp_path, lambda number: f"DIR00{number // 3}")
    (source,) = find_sources([tmp_path / "DIR000", tmp_path / "DIR001"])
    np.testing.assert_array_equal(source.read().array, made.values)


def test_an_input_that_is_named_twice_counts_once(tmp_path, made):
    made.a_series(tmp_path / "a")
    (source,) = find_sources([tmp_path, tmp_path / "a", tmp_path / "a" / "IM0001.dcm"])
    assert source.read().shape == made.values.shape


@pytest.mark.parametrize("pattern", [[0, 1, 0, 1, 0, 1], [0, 0, 0, 1, 1, 1], [0, 1, 1, 0, 0, 1]])
def test_slices_that_differ_only_in_a_correction_are_one_volume(tmp_path, made, pattern):
    def correct(dataset, number):
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", *(("NORM", "DIS2D") if pattern[number] else ("ND",))]

    _, volume = both(made.a_series(tmp_path, correct))
    np.testing.assert_array_equal(volume.array, made.values)
    assert volume.spacing == pytest.approx((0.7, 0.8, 3.0))


@pytest.mark.parametrize("pattern", [[0, 1, 0, 1, 0, 1], [0, 0, 0, 1, 1, 1]])
@pytest.mark.parametrize(
    ("keyword", "values", "told"),
    [
        ("EchoTime", (90, 101), "echo time 90"),
        ("TemporalPositionIdentifier", (1, 2), "time 1"),
        ("DiffusionBValue", (0.0, 800.0), "b-value 800"),
        ("ImageType", (["ORIGINAL", "PRIMARY", "M"], ["ORIGINAL", "PRIMARY", "P"]), "image type P"),
    ],
)
def test_parts_that_differ_in_more_are_one_failed_case(tmp_path, made, pattern, keyword, values, told):
    def change(dataset, number):
        setattr(dataset, keyword, values[pattern[number]])

    refused_by_both(made.a_series(tmp_path, change), f"the series lies in 2 parts .*{told}")


def test_parts_that_form_no_regular_grid_are_one_failed_case(tmp_path, made):
    def change(dataset, number):
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "NORM" if number % 2 else "ND"]
        dataset.ImagePositionPatient = [10, -20, 30 + 3 * number + 0.8 * (number % 2)]

    refused_by_both(made.a_series(tmp_path, change), "the series lies in 2 parts")


@pytest.mark.parametrize("keyword", ["EchoTime", "TemporalPositionIdentifier"])
def test_repeats_at_the_same_places_stay_stacks_of_their_own(tmp_path, made, keyword):
    for number in range(6):
        for repeat in (1, 2):
            dataset = made.a_slice(number, SOPInstanceUID=f"1.2.{repeat}.{number}", **{keyword: repeat})
            made.save(dataset, tmp_path / f"{number}_{repeat}.dcm")
    assert [len(stack.frames) for stack in dicom_stacks(tmp_path)] == [6, 6]
    assert [source.read().shape[0] for source in find_sources([tmp_path])] == [6, 6]


def test_slabs_that_lie_apart_stay_stacks_of_their_own(tmp_path, made):
    def change(dataset, number):
        dataset.EchoTime = 90 if number < 3 else 101
        dataset.ImagePositionPatient = [10, -20, 30 + 3 * number + 40 * (number >= 3)]

    assert [source.read().shape[0] for source in find_sources([made.a_series(tmp_path, change)])] == [3, 3]


def test_the_same_echo_time_written_in_two_ways_is_one(tmp_path, made):
    for number in range(6):
        odd = made.element("EchoTime", "DS", b"101" if number % 2 else b"101.0")
        made.save_odd(made.a_slice(number), tmp_path / f"{number}.dcm", {"EchoTime": odd})
    _, volume = both(tmp_path)
    np.testing.assert_array_equal(volume.array, made.values)


@pytest.mark.parametrize("keyword", ["PatientID", "PatientName", "StudyInstanceUID", "FrameOfReferenceUID"])
@pytest.mark.parametrize("folder_of", [lambda n: "", lambda n: f"DIR00{n // 3}"])
def test_two_patients_under_one_series_are_refused_without_their_names(tmp_path, made, keyword, folder_of):
    def change(dataset, number):
        if number > 2:
            setattr(dataset, keyword, "1.2.77")

    source = refused_by_both(spread(made, tmp_path, folder_of, change), f"do not agree in {keyword}")
    assert "1.2.77" not in str(source.problem)


def test_one_patient_whose_name_is_written_in_two_ways_is_one(tmp_path, made):
    names = ("Doe^Jane", "DOE^JANE^^^")
    _, volume = both(made.a_series(tmp_path, lambda dataset, number: setattr(dataset, "PatientName", names[number % 2])))
    np.testing.assert_array_equal(volume.array, made.values)


def test_two_patients_at_the_same_places_in_two_folders_are_refused(tmp_path, made):
    made.a_series(tmp_path / "anna")
    made.a_series(tmp_path / "berta", lambda dataset, number: setattr(dataset, "PatientID", "P2"))
    for source in find_sources([tmp_path]):
        with pytest.raises(InputError, match="do not agree in PatientID"):
            source.read()


def concatenation(made, folder, parts, total=3):
    for part in parts:
        numbers = range(2 * part - 2, 2 * part)
        dataset = made.an_enhanced_image(numbers, SOPInstanceUID=f"1.2.9.{part}", ConcatenationUID="1.2.9")
        dataset.InConcatenationNumber, dataset.InConcatenationTotalNumber = part, total
        made.save(dataset, folder / f"{part % 2}" / f"{part}.dcm")
    return folder


def test_a_concatenation_is_joined_over_folders(tmp_path, made):
    _, volume = both(concatenation(made, tmp_path, (3, 1, 2)))
    np.testing.assert_array_equal(volume.array, made.values)


@pytest.mark.parametrize(("parts", "missing"), [((1, 2), "3"), ((2, 3), "1"), ((2,), "1, 3")])
def test_an_incomplete_concatenation_is_refused(tmp_path, made, parts, missing):
    refused_by_both(concatenation(made, tmp_path, parts), f"concatenation.*missing: {missing}")


@pytest.mark.parametrize("size", [1, 2, 3])
def test_enhanced_objects_of_some_frames_are_joined_where_they_adjoin(tmp_path, made, size):
    for start in range(0, 6, size):
        numbers = range(start, start + size)
        made.save(made.an_enhanced_image(numbers, SOPInstanceUID=f"1.2.8.{start}"), tmp_path / f"{start}.dcm")
    _, volume = both(tmp_path)
    np.testing.assert_array_equal(volume.array, made.values)


def test_files_that_exist_twice_are_named(tmp_path, made):
    made.a_series(tmp_path)
    shutil.copy(tmp_path / "IM0003.dcm", tmp_path / "copy of IM0003.dcm")
    source = refused_by_both(tmp_path, r"IM0003\.dcm and .*IM0003\.dcm hold the same image")
    with pytest.raises(InputError, match="Remove the files that exist twice"):
        source.read()


def test_the_same_pixels_at_the_same_place_are_a_copy_under_any_name(tmp_path, made):
    made.a_series(tmp_path)
    made.save(made.a_slice(2, SOPInstanceUID="1.2.99"), tmp_path / "again.dcm")
    refused_by_both(tmp_path, "hold the same image")


def test_another_image_of_the_same_place_is_a_repeat(tmp_path, made):
    made.a_series(tmp_path)
    made.save(made.a_slice(2, SOPInstanceUID="1.2.99", PixelData=made.values[4].tobytes()), tmp_path / "again.dcm")
    refused_by_both(tmp_path, "1 of 7 slices lie where another slice lies.*export one of them")


def test_a_copy_of_a_folder_is_a_volume_of_its_own(tmp_path, made):
    made.a_series(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    sources = find_sources([tmp_path])
    assert [source.name for source in sources] == ["a/5_t2_tra", "b/5_t2_tra"]
    assert all(source.read().shape == made.values.shape for source in sources)
    with pytest.raises(InputError, match="2 stacks"):
        read_volume(tmp_path)


def test_files_without_a_series_are_one_where_all_lack_it(tmp_path, made):
    def forget(dataset, number):
        del dataset.SeriesInstanceUID

    _, volume = both(made.a_series(tmp_path, forget))
    np.testing.assert_array_equal(volume.array, made.values)


def test_a_slice_that_does_not_state_its_series_is_not_passed_over(tmp_path, made):
    made.a_series(tmp_path)
    last = made.a_slice(5)
    del last.SeriesInstanceUID
    made.save(last, tmp_path / "IM0006.dcm")
    refused_by_both(tmp_path, r"IM0006\.dcm does not state its SeriesInstanceUID")


def test_one_bad_series_does_not_stop_the_others(tmp_path, made):
    for name in ("a_good", "b_bad", "c_good"):
        for number in range(6):
            odd = {"PixelSpacing": made.element("PixelSpacing", "DS", b"0,8\\0,7")} if name == "b_bad" else {}
            dataset = made.a_slice(number, SeriesInstanceUID=f"1.2.{ord(name[0])}", SeriesNumber=ord(name[0]))
            made.save_odd(dataset, tmp_path / name / f"{number}.dcm", odd)
    good, bad, other = find_sources([tmp_path])
    assert good.read().shape == other.read().shape == made.values.shape and bad.name == "b_bad"
    with pytest.raises(InputError, match=r"b_bad.*0\.dcm: PixelSpacing"):
        bad.read()
    assert read_volume(tmp_path, series="97").shape == made.values.shape


def test_linked_folders_are_followed_once(tmp_path, made):
    made.a_series(tmp_path / "archive" / "anna")
    tree = tmp_path / "tree"
    tree.mkdir()
    for name, target in (("anna", "../archive/anna"), ("again", "../archive/anna"), ("loop", "."), ("lost", "../gone")):
        os.symlink(target, tree / name)
    os.symlink("../gone.nii.gz", tree / "b.nii.gz")
    sources = {source.name: source for source in find_sources([tree])}
    assert sorted(sources) == ["again/5_t2_tra", "b", "lost"]
    assert sources["again/5_t2_tra"].read().shape == made.values.shape
    for name in ("b", "lost"):
        with pytest.raises(InputError, match=rf"{name}.* is a link whose target does not exist"):
            sources[name].read()


def test_a_folder_keeps_its_own_name_where_a_link_leads_to_it_too(tmp_path, made):
    made.a_series(tmp_path / "b")
    os.symlink("b", tmp_path / "a")
    assert [source.name for source in find_sources([tmp_path])] == ["b/5_t2_tra"]


def test_companions_of_macos_and_windows_are_passed_over(tmp_path, made):
    made.a_series(tmp_path)
    for name in ("._IM0001.dcm", "._t2.nii.gz", ".DS_Store", "Thumbs.db", "desktop.ini"):
        (tmp_path / name).write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X")
    both(tmp_path)


def test_a_named_file_that_is_not_an_image_is_a_failed_case(tmp_path, made):
    made.a_series(tmp_path / "a")
    (tmp_path / "notes.txt").write_text("hello")
    good, bad = find_sources([tmp_path / "a", tmp_path / "notes.txt"])
    assert good.read().shape == made.values.shape
    with pytest.raises(InputError, match=r"notes\.txt is not an image"):
        bad.read()
