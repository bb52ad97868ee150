"""Writes a DICOM tree of made-up studies, to try `pdm-sr prepare` on: python synthetic_studies.py FOLDER --studies 200

Each study has a patient, an axial T2 of a few slices, a localizer and, now and then, a CT, a copy of its T2 under another
name, or a file cut in the middle, as archives have them. Nothing in it is a person's.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

Slices = NDArray[np.uint16]


def write_tree(folder: Path, studies: int, *, size: int = 128, slices: int = 5, seed: int = 0) -> None:
    """Write `studies` studies below `folder`, the same ones for the same seed.

    Args:
        folder: gets one folder a study.
        studies: how many.
        size: edge of the square slices in pixels.
        slices: of each T2.
        seed: decides all images.
    """
    for number in range(studies):
        random = np.random.default_rng((seed, number))
        home, patient = folder / f"study{number:04d}", f"PATIENT-{number:04d}"
        t2 = discs(random, slices, size)
        write_series(home / "t2", t2, patient, "t2_tse_tra", number)
        write_series(home / "loc", discs(random, 3, size), patient, "localizer", number)
        if number % 10 == 3:
            write_series(home / "ct", discs(random, 3, size), patient, "pelvis", number, modality="CT")
        if number % 10 == 5:
            write_series(home / "again", t2, f"{patient}-ANON", "t2_tse_tra copy", number)
        if number % 10 == 7:
            broken = home / "t2" / "0001.dcm"
            broken.write_bytes(broken.read_bytes()[:-100])


def discs(random: np.random.Generator, slices: int, size: int) -> Slices:
    """Slices of one body: an ellipse with discs that grow and shrink from slice to slice, and some noise."""
    rows, columns = np.mgrid[:size, :size] / size - 0.5
    body = 200.0 * ((rows / 0.42) ** 2 + (columns / 0.36) ** 2 < 1.0)
    volume = np.repeat(body[None], slices, axis=0)
    for _ in range(30):
        row, column = random.uniform(-0.3, 0.3, 2)
        radius, brightness = random.uniform(0.02, 0.12), random.uniform(-150, 250)
        for k in range(slices):
            reach = radius * random.uniform(0.8, 1.2)
            volume[k][(rows - row) ** 2 + (columns - column) ** 2 < reach**2] += brightness
    noisy = volume + random.normal(0, 5, volume.shape)
    return np.clip(noisy, 0, None).astype(np.uint16)


def write_series(folder: Path, array: Slices, patient: str, description: str, number: int, modality: str = "MR") -> None:
    """Write one series of axial slices, 0.6 mm pixels, 3 mm apart."""
    folder.mkdir(parents=True, exist_ok=True)
    series = generate_uid(entropy_srcs=[patient, description, str(number)])
    for k, dataset in enumerate(_slices(array, series)):
        dataset.PatientID = dataset.PatientName = patient
        dataset.Modality, dataset.SeriesDescription, dataset.SeriesNumber = modality, description, 1
        dataset.StudyInstanceUID = generate_uid(entropy_srcs=[patient, str(number)])
        dataset.save_as(folder / f"{k:04d}.dcm", enforce_file_format=True)


def _slices(array: Slices, series: str) -> Iterator[Dataset]:
    for k, image in enumerate(array):
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = MRImageStorage
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = f"{series[:50]}.{k + 1}"
        dataset.SeriesInstanceUID = series
        dataset.Rows, dataset.Columns = image.shape
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.BitsAllocated = dataset.BitsStored = 16
        dataset.HighBit, dataset.PixelRepresentation = 15, 0
        dataset.PixelSpacing, dataset.SliceThickness = [0.6, 0.6], 3.0
        dataset.ImageOrientationPatient, dataset.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [-38.0, -38.0, 3.0 * k]
        dataset.PixelData = np.ascontiguousarray(image).tobytes()
        yield dataset


def main() -> None:
    """Read the command line and write the tree."""
    parser = argparse.ArgumentParser(description="Write a DICOM tree of made-up studies.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--studies", type=int, default=200)
    arguments = parser.parse_args()
    write_tree(arguments.folder, arguments.studies)


if __name__ == "__main__":
    main()
