"""Preparation: what is taken and refused, splits without leakage, a cache that is built once, a report."""

import csv
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from pdm_core import Volume, read_volume, write_volume
from pdm_core.errors import CancelledError, InputError
from pdm_core.training.converge import converge
from pdm_core.training.dataset import Dataset, DataSource, SelectionRules, SplitShares, preparation, prepare
from pdm_core.training.dataset.fingerprint import fingerprint, near_duplicates
from pdm_core.training.dataset.splitting import assign_splits
from pdm_core.volume.images import read_image

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
AXIAL, SAGITTAL = np.diag([-0.6, -0.6, 3.0, 1.0]), np.array([[0, 0, 3.0, 0], [0.6, 0, 0, 0], [0, -0.6, 0, 0], [0, 0, 0, 1]])


@pytest.fixture(scope="module")
def studies():
    spec = importlib.util.spec_from_file_location("synthetic_studies", EXAMPLES / "synthetic_studies.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def an_image(studies):
    """Writes a volume of some patient; the same number gives the same image."""

    def write(path, number=0, matrix=AXIAL, size=112, slices=4):
        array = studies.discs(np.random.default_rng(number), slices, size).astype(np.float32)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_volume(Volume(array, matrix), path)
        return path

    return write


@pytest.fixture
def an_archive(tmp_path, an_image):
    """Six patients with a T2 each."""
    root = tmp_path / "archive"
    for number in range(6):
        an_image(root / f"p{number}" / "t2_tra.nii.gz", number)
    return root


def splits_of(dataset):
    return {record.name: record.split for record in dataset.volumes}


def test_a_folder_becomes_a_dataset_that_can_be_opened_again(an_archive, tmp_path):
    made = prepare(an_archive, tmp_path / "d")
    opened = Dataset.open(tmp_path / "d")
    assert opened == made and len(made.volumes) == 6 and not made.refused
    opened.verify()
    counts = sorted(splits_of(made).values())
    assert counts == ["test", "train", "train", "train", "train", "val"]
    (stack,) = made.stacks("val")
    low, high = np.percentile(stack.volume.numpy(), (0.1, 99.9))
    assert (low, high) == pytest.approx((-1, 1), abs=0.02) and stack.take([0]).shape == (1, *stack.volume.shape[1:])
    maps = Path("/proc/self/maps")
    assert not maps.is_file() or "volumes/" in maps.read_text()
    page = (tmp_path / "d" / "report.html").read_text()
    assert page.count("<figure>") == 6 and "http" not in page


def test_parts_and_their_weights(an_archive, tmp_path):
    dataset = prepare(an_archive, tmp_path / "d")
    trained = [record.name for record in dataset.volumes if record.split == "train"]
    part = trained[0].split("/")[0]
    (stack,) = dataset.stacks("train", [DataSource(part, 0.5)])
    assert stack.case == trained[0] and stack.weight == 0.5
    with pytest.raises(InputError, match="no train volume in p"):
        dataset.stacks("train", [DataSource("p")])


def test_rules_choose_and_every_refusal_has_its_reason(an_archive, an_image, tmp_path):
    an_image(an_archive / "p0" / "t2_sag.nii.gz", 20, SAGITTAL)
    an_image(an_archive / "p1" / "adc_tra.nii.gz", 21)
    an_image(an_archive / "p2" / "t2_tra_small.nii.gz", 22, size=64)
    an_image(an_archive / "p3" / "t2_localizer.nii.gz", 23)
    (an_archive / "p4" / "t2_broken.nii.gz").write_bytes(b"nothing")
    an_image(an_archive / "p5" / "t2_thin.nii.gz", 24, slices=2)
    dataset = prepare(an_archive, tmp_path / "d", SelectionRules(include=("t2",), planes=("axial",)))
    reasons = {refusal.name.split("/")[1]: refusal.reason for refusal in dataset.refused}
    assert reasons.pop("t2_broken")
    assert reasons == {
        "t2_sag": "the plane is sagittal",
        "adc_tra": "none of the words t2 occurs",
        "t2_tra_small": "a true matrix of only 64 x 64",
        "t2_localizer": "the word localizer occurs",
        "t2_thin": "only 2 slices",
    }
    with pytest.raises(InputError, match=r"No volume .* none of the words flair"):
        prepare(an_archive, tmp_path / "e", SelectionRules(include=("flair",)))


def test_a_second_preparation_reads_only_what_is_new(an_archive, an_image, tmp_path, monkeypatch):
    read = []
    add = preparation.add_volume
    monkeypatch.setattr(preparation, "add_volume", lambda folder, key, volume: read.append(key) or add(folder, key, volume))
    with pytest.raises(CancelledError, match="Run it again to go on"):
        prepare(an_archive, tmp_path / "d", cancel=lambda: True)
    assert not read
    with pytest.raises(CancelledError, match="Run it again to go on"):
        prepare(an_archive, tmp_path / "d", cancel=lambda: len(read) == 3)
    assert len(read) == 3
    first = prepare(an_archive, tmp_path / "d")
    assert len(read) == 6
    damaged = first.folder / first.volumes[0].facts.file
    damaged.write_bytes(damaged.read_bytes()[:-4])
    with pytest.raises(InputError, match="missing or damaged"):
        first.verify()
    an_image(an_archive / "p9" / "t2_tra.nii.gz", 9)
    second = prepare(an_archive, tmp_path / "d")
    assert len(read) == 8
    second.verify()
    (an_archive / "p9" / "t2_tra.nii.gz").unlink()
    assert prepare(an_archive, tmp_path / "d") == first
    assert len(list((tmp_path / "d" / "volumes").iterdir())) == 2 * len(first.volumes)


def test_a_dataset_grows_without_moving_a_patient(an_archive, an_image, tmp_path):
    before = splits_of(prepare(an_archive, tmp_path / "d"))
    for number in range(6, 14):
        an_image(an_archive / f"p{number}" / "t2_tra.nii.gz", number)
    (an_archive / "p0").rename(an_archive / "renamed")
    heard: list[str] = []
    grown = splits_of(prepare(an_archive, tmp_path / "d", warn=heard.append))
    assert len(grown) == 14 and sorted(grown.values()).count("test") == 2 and not heard
    assert {name.replace("p0/", "renamed/"): split for name, split in before.items()}.items() <= grown.items()
    prepare(an_archive, tmp_path / "d", shares=SplitShares(seed=3), warn=heard.append)
    assert len(heard) == 1 and "may have seen the new test volumes" in heard[0]
    (tmp_path / "d" / "dataset.json").write_text("{")
    prepare(an_archive, tmp_path / "d", warn=heard.append)
    assert len(heard) == 2 and "dealt out anew" in heard[1]


def test_whoever_shares_an_image_shares_the_split(an_archive, tmp_path):
    heard = []
    for number in range(6):
        mirrored = np.flip(read_volume(an_archive / f"p{number}" / "t2_tra.nii.gz").array, (0, 2))
        (an_archive / f"q{number}").mkdir()
        write_volume(Volume(mirrored * 3, np.diag([0.6, -0.6, -3.0, 1.0])), an_archive / f"q{number}" / "export.nii.gz")
    dataset = prepare(an_archive, tmp_path / "d", warn=heard.append)
    splits = splits_of(dataset)
    assert heard == ["6 pairs of patients share an image; each pair stays in one split."]
    assert all(splits[f"p{number}/t2_tra"] == splits[f"q{number}/export"] for number in range(6))
    assert set(splits.values()) == {"train", "val", "test"}


def test_copies_within_a_patient_are_taken_once(an_archive, tmp_path):
    original = an_archive / "p0" / "t2_tra.nii.gz"
    (an_archive / "p0" / "t2_tra_again.nii.gz").write_bytes(original.read_bytes())
    dataset = prepare(an_archive, tmp_path / "d")
    assert [(refusal.name, refusal.reason) for refusal in dataset.refused] == [
        ("p0/t2_tra_again", "the same image as p0/t2_tra")
    ]


def test_a_table_names_images_patients_and_splits(an_archive, tmp_path):
    table = an_archive / "list.csv"

    def write(rows):
        with table.open("w", newline="") as stream:
            csv.writer(stream).writerows([("image", "patient", "split"), *rows])

    write([("p0/t2_tra.nii.gz", "anna", "train"), ("p1/t2_tra.nii.gz", "anna", "train"), ("p2/t2_tra.nii.gz", "bea", "val")])
    dataset = prepare(table, tmp_path / "d")
    assert splits_of(dataset) == {"p0/t2_tra": "train", "p1/t2_tra": "train", "p2/t2_tra": "val"}
    assert len({record.patient for record in dataset.volumes}) == 2
    assert "anna" not in (tmp_path / "d" / "dataset.json").read_text()
    for rows, complaint in (
        ([("p0/t2_tra.nii.gz", "anna", "train"), ("p1/t2_tra.nii.gz", "anna", "val")], "more than one split"),
        ([("p0/t2_tra.nii.gz", "anna", "train"), ("p1/t2_tra.nii.gz", "bea", "")], "bea has no split"),
        ([("p0/t2_tra.nii.gz", "anna", "learn")], "'learn' in line 2"),
        ([("p0/t3.nii.gz", "anna", "train")], "does not exist"),
        ([("", "anna", "train")], "names no image"),
    ):
        write(rows)
        with pytest.raises(InputError, match=complaint):
            prepare(table, tmp_path / "e")


def test_a_listed_split_that_leaks_is_refused(an_archive, tmp_path):
    copy = an_archive / "other" / "copy.nii.gz"
    copy.parent.mkdir()
    copy.write_bytes((an_archive / "p0" / "t2_tra.nii.gz").read_bytes())
    entries = [("p0", "t2_tra.nii.gz", "train"), ("other", "copy.nii.gz", "test"), ("p1", "t2_tra.nii.gz", "val")]
    listing = [{"case": path, "path": path, "split": split, "images": [image]} for path, image, split in entries]
    (an_archive / "splits.json").write_text(json.dumps(listing))
    with pytest.raises(InputError, match="share an image"):
        prepare(an_archive, tmp_path / "d")


def test_what_cannot_be_prepared_is_said(an_archive, an_image, tmp_path):
    with pytest.raises(InputError, match="inside its own source"):
        prepare(an_archive, an_archive / "d")
    with pytest.raises(InputError, match="only one patient"):
        an_image(tmp_path / "lonely" / "p" / "a.nii.gz")
        prepare(tmp_path / "lonely", tmp_path / "d")
    with pytest.raises(InputError, match="no prepared dataset"):
        Dataset.open(an_archive)
    for settings in ({"val": 0.0}, {"val": 0.6, "test": 0.5}):
        with pytest.raises(InputError, match="not possible"):
            SplitShares(**settings)
    with pytest.raises(InputError, match="is no plane"):
        SelectionRules(planes=("oblique",))


def test_a_dicom_archive(studies, tmp_path):
    studies.write_tree(tmp_path / "tree", 10, size=112, slices=4)
    dataset = prepare(tmp_path / "tree", tmp_path / "d", SelectionRules(include=("t2",)))
    reasons = sorted(refusal.reason for refusal in dataset.refused)
    assert (
        len(dataset.volumes) == 10 and sum("none of the words" in reason or "localizer" in reason for reason in reasons) == 10
    )
    assert any("modality is CT" in reason for reason in reasons)
    splits = splits_of(dataset)
    copies = [splits[name] for name in splits if "study0005" in name]
    assert len(copies) == 2 and len(set(copies)) == 1
    for file in ("dataset.json", "report.html"):
        assert "PATIENT" not in (tmp_path / "d" / file).read_text()


def test_no_patient_moves_when_others_come():
    shares = SplitShares(val=0.2, test=0.2)
    everyone = [f"p{number}" for number in range(80)]
    splits: dict[str, str] = {}
    for count in (5, 40, 41, 60, 80):
        before, splits = splits, assign_splits(everyone[:count], [], shares, splits)
        assert {name: splits[name] for name in before} == before
        for split in ("val", "test"):
            assert [*splits.values()].count(split) == round(0.2 * count)


def test_patients_who_turn_out_to_share_an_image_count_as_seen():
    earlier = {"a": "test", "b": "train", "c": "val", "d": "test"}
    splits = assign_splits("abcde", [("a", "b"), ("c", "d")], SplitShares(), earlier)
    assert splits["a"] == splits["b"] == "train" and splits["c"] == splits["d"] == "val"


@pytest.mark.parametrize(("split", "purpose"), [("test", "train"), ("train", "validate")])
def test_earlier_splits_that_leave_nobody_are_refused(split, purpose):
    with pytest.raises(InputError, match=f"nobody is left to {purpose} on") as refusal:
        assign_splits("abc", [], SplitShares(), dict.fromkeys("abc", split))
    assert "another folder" in refusal.value.hint


def test_splits_are_dealt_out_by_shares_and_seed():
    names = [f"p{number}" for number in range(40)]
    shares = SplitShares(val=0.2, test=0.2)
    dealt = assign_splits(names, [], shares)
    assert [*dealt.values()].count("val") == 8 and [*dealt.values()].count("test") == 8
    assert assign_splits(names, [], SplitShares(val=0.2, test=0.2, seed=1)) != dealt
    chained = assign_splits(names, [("p1", "p2"), ("p2", "p3")], shares)
    assert chained["p1"] == chained["p2"] == chained["p3"]
    assert set(assign_splits(["a", "b"], [], shares).values()) == {"train", "val"}
    assert sorted(assign_splits(["a", "b", "c"], [], SplitShares(val=0.1, test=0.85)).values()) == ["test", "train", "val"]


def test_copies_look_alike_and_patients_do_not(shared_data):
    paths = sorted((shared_data / "prostate").glob("prostatex/*/t2_tra*.nii.gz"))
    scans = [read_volume(path) for path in paths]
    bits = [fingerprint(scan) for scan in scans]
    for path, scan in zip(paths, scans, strict=True):
        mirrored = scan.ijk_to_ras @ np.array([[-1, 0, 0, scan.shape[2] - 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
        copies = [
            Volume(np.round(scan.array * 0.37 + 5), scan.ijk_to_ras),
            Volume(scan.array[:, :, ::-1], mirrored),
            Volume(scan.array[:, ::2, ::2], scan.ijk_to_ras @ np.diag([2, 2, 1, 1])),
        ]
        for copy in copies:
            alike = [paths[index] for index in near_duplicates(fingerprint(copy), bits)]
            # A repeated scan of the same patient counts as the same patient's.
            assert path in alike and {other.parent for other in alike} == {path.parent}


def test_k_is_recommended_for_a_dataset(an_archive, tmp_path):
    dataset = prepare(an_archive, tmp_path / "d")
    found = converge(dataset, tmp_path / "k", [2.0, 4.0], slices=3)
    record = json.loads((tmp_path / "k" / "convergence.json").read_text())
    assert record["start"] == found.start and record["slices"] == 3 and f"K = {found.start} of T = 100" in found.reason
    assert record["curves"][0]["paired"][0] is None and record["curves"][1]["paired"][1] > record["curves"][0]["paired"][1]
    assert (tmp_path / "k" / "convergence.png").read_bytes().startswith(b"\x89PNG")
    assert converge(dataset, tmp_path / "k", [2.0, 4.0], slices=3) == found
    with pytest.raises(InputError, match="factors above 1"):
        converge(dataset, tmp_path / "k", [1.0])


def test_what_cannot_be_read_is_refused_by_name_and_the_others_are_taken(an_archive, tmp_path, monkeypatch):
    """A damaged DICOM file, a link without a target, and a reader that fails as nobody expected."""
    (an_archive / "bad").mkdir()
    (an_archive / "bad" / "IM0001.dcm").write_bytes(bytes(128) + b"DICM" + bytes(40))
    (an_archive / "lost.nii.gz").symlink_to("nowhere")
    (an_archive / "gone").symlink_to("nowhere")
    read = read_image

    def failing(path):
        if path.parent.name == "p3":
            raise ValueError("cannot reshape")
        return read(path)

    monkeypatch.setattr("pdm_core.volume.sources.read_image", failing)
    dataset = prepare(an_archive, tmp_path / "d")
    reasons = {refusal.name: refusal.reason for refusal in dataset.refused}
    assert len(dataset.volumes) == 5 and sorted(reasons) == ["bad", "gone", "lost", "p3/t2_tra"]
    assert "IM0001.dcm is damaged" in reasons["bad"] and "cannot reshape" in reasons["p3/t2_tra"]
    assert "target does not exist" in reasons["lost"] and "target does not exist" in reasons["gone"]
