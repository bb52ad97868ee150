"""Fixtures that the tests of pdm_core and of the studies share."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data():
    """Folder of the real data, or a skip where it is absent."""
    folder = Path(os.environ.get("PDM_SHARED", REPOSITORY.parent / "shared")) / "data"
    if not (folder / "splits.json").is_file():
        pytest.skip(f"real data is absent: {folder} holds no splits.json (set PDM_SHARED)")
    return folder


@pytest.fixture(scope="session")
def a_tiny_model(tmp_path_factory):
    """A zoo with one small untrained model named `tiny`, made as a published one is; returns its card."""
    return _a_model(tmp_path_factory.mktemp("zoo"), "tiny", "in-plane", (1.5, 4.0))


@pytest.fixture
def tiny_zoo(a_tiny_model, monkeypatch):
    """The tiny model as the user's zoo."""
    monkeypatch.setenv("PDM_ZOO", str(a_tiny_model.weights.parent))
    return a_tiny_model


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory):
    """A zoo with `tiny` for in-plane and `thin` for through-plane runs; returns the card of `thin`."""
    folder = tmp_path_factory.mktemp("zoo_of_both")
    _a_model(folder, "tiny", "in-plane", (1.5, 4.0))
    return _a_model(folder, "thin", "through-plane", (1.5, 8.0), scalars=3)


@pytest.fixture
def both_zoo(tiny_models, monkeypatch):
    """Tiny models of both modes as the user's zoo; the preferred ones of their modes."""
    monkeypatch.setenv("PDM_ZOO", str(tiny_models.weights.parent))
    monkeypatch.setattr("pdm_core.zoo.catalogue._PREFERRED", ("tiny", "thin"))
    return tiny_models


@pytest.fixture(scope="session")
def zone_models(tiny_models, tmp_path_factory):
    """The tiny models of both modes and `seer`, an untrained zone model of a non-commercial licence."""
    import shutil

    import torch

    from pdm_core.networks import build_zone_network
    from pdm_core.zoo import ZoneCard, export_model

    folder = tmp_path_factory.mktemp("zoo_of_zones")
    shutil.copytree(tiny_models.weights.parent, folder, dirs_exist_ok=True)
    network = {"kind": "zonal_unet", "channels": [8, 16], "detail": 8}
    torch.manual_seed(0)
    card = ZoneCard(
        name="seer", title="untrained", purpose="tests", version="0", mode="zones", network=network, spacing_mm=(0.3, 1.0),
        contrasts=("noise",), data=(), licence="CC BY-NC 4.0", parameters=0, sha256="", smoke={}, grid_mm=(3.0, 0.8, 0.8),
        slices_mm=(2.5, 4.0), window=(48, 48), percentiles=(1.0, 99.0), labels=("background", "pz", "tz"),
    )  # fmt: skip
    return export_model(build_zone_network(network), card, folder)


@pytest.fixture
def zone_zoo(zone_models, monkeypatch):
    """Tiny models of all kinds as the user's zoo; the preferred ones. Returns the card of the zone model."""
    monkeypatch.setenv("PDM_ZOO", str(zone_models.weights.parent))
    monkeypatch.setattr("pdm_core.zoo.catalogue._PREFERRED", ("tiny", "thin"))
    monkeypatch.setattr("pdm_core.zoo.catalogue._PREFERRED_ZONES", "seer")
    return zone_models


@pytest.fixture
def seeing(zone_zoo, monkeypatch):
    """The zone model sees what it is shown: tissue (-1) is background, 0 peripheral zone, 1 transition zone."""
    import torch

    def network(card, device="cpu"):
        return lambda x: torch.cat([-8 * (x - centre) ** 2 for centre in (-1.0, 0.0, 1.0)], dim=1)

    monkeypatch.setattr("pdm_core.segmentation.zoo_segmenter.load_zone_network", network)
    return zone_zoo


@pytest.fixture
def a_labelled_folder(tmp_path):
    """A folder with `splits.json` and one case: its image, its zones by two readers, and its gland by a network."""
    import json

    import numpy as np

    from pdm_core import Volume, write_volume

    folder = tmp_path / "prostate" / "a"
    folder.mkdir(parents=True)
    # Without any texture the image would be taken for a label map.
    image = _zone_image()
    image += np.linspace(0.0, 1e-3, image.size, dtype=np.float32).reshape(image.shape)
    files = {"t2_tra": image, "zones_expert_one": _zone_labels(), "zones_expert_two": _zone_labels(8)}
    files["gland_pseudo_net"] = _zone_labels() > 0
    for name, array in files.items():
        volume = Volume(np.asarray(array, np.float32), np.diag([-1.0, -1.0, 4.0, 1.0]))
        write_volume(volume, folder / f"{name}.nii.gz")
    entry = {"case": "a", "path": "prostate/a", "split": "test", "images": ["t2_tra.nii.gz"]}
    labels = [f"{name}.nii.gz" for name in files if name != "t2_tra"]
    (tmp_path / "splits.json").write_text(json.dumps([{**entry, "labels": labels}]))
    return tmp_path


def _zone_image():
    """What the model `seer` calls peripheral zone (0) in front of what it calls transition zone (1)."""
    import numpy as np

    array = np.full((12, 64, 64), -1.0, np.float32)
    array[2:10, 16:40, 16:48], array[2:10, 40:56, 16:48] = 0.0, 1.0
    return array


def _zone_labels(moved=0):
    import numpy as np

    labels = np.zeros((12, 64, 64), np.uint8)
    labels[2:10, 16 + moved : 40, 16:48], labels[2:10, 40:56, 16:48] = 1, 2
    return labels


def _a_model(folder, name, mode, factors, **changes):
    torch = pytest.importorskip("torch")

    from pdm_core.networks import build_network
    from pdm_core.zoo import ModelCard, export_model

    network = {"preset": "fast", "channels": [16, 32], "blocks": 1, "detail": 8, **changes}
    bridge = {"steps": 100, "start": 25, "alignment": "cosine"}
    torch.manual_seed(0)
    module = build_network(network)
    spread = ((factors[0], 0.04), (factors[1], 0.1))
    card = ModelCard(
        name=name, title="untrained", purpose="tests", version="0", mode=mode, method="pdm", network=network,
        bridge=bridge, parameterization="residual", residual_std=spread,
        sampler={"sampler": "ddim", "steps": 2, "sample_steps": 3, "grid": "uniform", "eta": 0.0, "rule": "consistent"},
        factors=factors, spacing_mm=(0.5, 2.0 if mode == "in-plane" else 5.0), min_matrix=32, contrasts=("noise",), data=(),
        licence="Apache-2.0", parameters=0, sha256="", smoke={}, thickness=(0.7, 1.3) if mode == "through-plane" else None,
    )  # fmt: skip
    return export_model(module, card, folder)


@pytest.fixture
def a_dicom_series(tmp_path):
    """Writes a made-up MR series, with elements that a derived one takes over and others that it must not."""

    def write(name, plane="axial", slices=5, size=(40, 36), **changes):
        import pydicom

        (tmp_path / name).mkdir()
        uids = [pydicom.uid.generate_uid(prefix=None) for _ in range(3)]
        for number in range(slices):
            image = _an_mr_image(number, _directions()[plane], size)
            image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = uids
            for keyword, value in changes.items():
                setattr(image, keyword, value)
            # Names tell nothing of the order.
            _save_dicom(image, tmp_path / name / f"{slices - number}.dcm")
        return tmp_path / name

    return write


def _directions():
    import numpy as np

    turned = np.linalg.qr(np.array([[1, 0.3, 0.2], [-0.25, 1, 0.1], [-0.1, -0.2, 1.0]]))[0]
    return {
        "axial": np.array([[1.0, 0, 0], [0, 1, 0]]),
        "sagittal": np.array([[0, 1.0, 0], [0, 0, -1]]),
        "coronal": np.array([[1.0, 0, 0], [0, 0, -1]]),
        "oblique": turned[:, :2].T,
    }


def _an_mr_image(number, orientation, size):
    import numpy as np
    import pydicom

    image = pydicom.Dataset()
    image.SpecificCharacterSet = "ISO_IR 100"
    image.PatientName, image.PatientID, image.PatientBirthDate, image.PatientSex = "Müller^Zoë", "P-17", "19500102", "M"
    image.StudyDate, image.StudyTime, image.AccessionNumber = "20200301", "101500", "A1"
    image.SOPClassUID, image.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.4", pydicom.uid.generate_uid(prefix=None)
    image.Modality, image.PatientPosition, image.BodyPartExamined = "MR", "FFS", "PROSTATE"
    image.ImageType = ["ORIGINAL", "PRIMARY", "M", "NORM"]
    image.SeriesNumber, image.SeriesDescription, image.InstanceNumber = 5, "t2_tse_tra", number + 1
    image.Manufacturer, image.SoftwareVersions, image.MagneticFieldStrength = "Maker", "syngo X", "3"
    image.RepetitionTime, image.EchoTime, image.ScanningSequence, image.SequenceVariant = "4000", "101", "SE", "SK"
    image.SliceThickness, image.PixelSpacing = "3", ["0.5", "0.625"]
    image.ImageOrientationPatient = [f"{value:.13f}"[:16] for value in orientation.ravel()]
    position = np.array([-10.123456, 20.5, -7.25]) + number * 3.6 * np.cross(*orientation)
    image.ImagePositionPatient = [f"{value:.11f}"[:16] for value in position]
    image.AcquisitionTime, image.BurnedInAnnotation, image.ImageComments = f"1016{number:02}", "NO", "sharp"
    image.PerformedProcedureStepID, image.LossyImageCompression = "step", "00"
    image.WindowCenter, image.WindowWidth = "500", "1000"
    image.add_new(0x60000010, "US", 40)
    image.private_block(0x0029, "MAKER", create=True).add_new(1, "LO", "secret")
    image.Rows, image.Columns = size
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 12, 11, 0
    image.SmallestImagePixelValue, image.PixelPaddingValue = 0, 0
    image.PixelData = np.random.default_rng(number).integers(0, 1000, size).astype("<u2").tobytes()
    return image


def _save_dicom(image, path):
    import pydicom

    image.file_meta = pydicom.dataset.FileMetaDataset()
    image.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    image.is_little_endian, image.is_implicit_VR = True, False
    image.save_as(path, write_like_original=False)
