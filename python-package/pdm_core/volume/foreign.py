"""Image formats that are known by name but not read, so that a message can say what a file is."""

from __future__ import annotations

from pathlib import Path

from pdm_core.errors import InputError

_BY_ENDING = {
    ".nii.bz2": "NIfTI compressed by bzip2", ".nii.xz": "NIfTI compressed by xz", ".nii.zst": "NIfTI compressed by zstd",
    ".nii.zip": "a ZIP archive", ".zip": "a ZIP archive", ".7z": "a 7-Zip archive", ".rar": "a RAR archive",
    ".tar": "a tar archive", ".tgz": "a tar archive", ".tar.gz": "a tar archive", ".tar.bz2": "a tar archive",
    ".par": "Philips PAR/REC", ".rec": "Philips PAR/REC", ".xml.rec": "Philips XML/REC", ".mnc": "MINC", ".mnc.gz": "MINC",
    ".gipl": "GIPL", ".gipl.gz": "GIPL", ".vtk": "VTK", ".vti": "VTK", ".mif": "MRtrix", ".mif.gz": "MRtrix", ".mih": "MRtrix",
    ".brik": "AFNI", ".brik.gz": "AFNI", ".head": "AFNI", ".fdf": "Varian FDF", ".2dseq": "Bruker", ".ecat": "ECAT",
    ".hdr.gz": "a NIfTI pair compressed by gzip", ".img.gz": "a NIfTI pair compressed by gzip",
    ".nia": "NIfTI in ASCII", ".bmp": "a BMP picture", ".gif": "a GIF picture", ".jp2": "a JPEG 2000 picture",
    ".jpg": "a JPEG picture", ".jpeg": "a JPEG picture", ".png": "a PNG picture", ".tif": "a TIFF picture",
    ".tiff": "a TIFF picture", ".pic": "Bio-Rad PIC", ".lsm": "Zeiss LSM", ".npy": "a NumPy array", ".npz": "NumPy arrays",
    ".mat": "MATLAB", ".h5": "HDF5", ".hdf5": "HDF5", ".hdf": "HDF5", ".mrb": "a Slicer scene", ".mrc": "MRC",
    ".spr": "Analyze SPR", ".ima.gz": "DICOM compressed by gzip", ".dcm.gz": "DICOM compressed by gzip",
}  # fmt: skip
_BY_NAME = {"2dseq": "Bruker"}
_BY_CONTENT = {
    b"\x89PNG": "a PNG picture", b"\xff\xd8\xff": "a JPEG picture", b"GIF8": "a GIF picture", b"PK\x03\x04": "a ZIP archive",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive", b"Rar!": "a RAR archive", b"\x89HDF": "HDF5", b"CDF\x01": "MINC",
    b"\x93NUMPY": "a NumPy array", b"# vtk": "VTK", b"mrtrix image": "MRtrix", b"BZh": "a file compressed by bzip2",
    b"\x1f\x8b": "a file compressed by gzip", b"\xfd7zXZ": "a file compressed by xz", b"MATLAB": "MATLAB",
}  # fmt: skip


# Of the formats above, what lies beside images rather than being one.
_NO_VOLUMES = frozenset(
    {kind for kind in _BY_ENDING.values() if kind.endswith("picture")} | {"a NumPy array", "NumPy arrays", "MATLAB", "HDF5"}
)


def foreign_format(path: Path) -> str | None:
    """The name of the format of an image or archive that is not read, or None for everything else.

    DICOM files may have any ending, so a file that is marked as DICOM has no foreign format.
    """
    start = _start(path)
    if start[128:132] == b"DICM":
        return None
    return _format_by_name(path) or next((kind for magic, kind in _BY_CONTENT.items() if start.startswith(magic)), None)


def holds_volumes_of_a_foreign_format(path: Path) -> bool:
    """Whether a file that lies in a folder of images is, by its ending, an image of another format or an archive of images.

    Pictures and arrays are often kept beside images and are not meant.
    """
    kind = _format_by_name(path)
    return kind is not None and kind not in _NO_VOLUMES and path.is_file() and foreign_format(path) is not None


def refused_format(path: Path) -> InputError:
    """The refusal of a file of a foreign format, which names that format."""
    return InputError(
        f"{path} cannot be read: its format is {foreign_format(path)}.",
        "Convert it to NIfTI, for example with 3D Slicer, dcm2niix or nibabel, or unpack it first.",
    )


def _format_by_name(path: Path) -> str | None:
    name = path.name.lower()
    endings = (".".join(["", *name.split(".")[number:]]) for number in range(1, name.count(".") + 1))
    return next((_BY_ENDING[ending] for ending in endings if ending in _BY_ENDING), _BY_NAME.get(name))


def _start(path: Path) -> bytes:
    """The first bytes of a file; none of one that cannot be opened, which its reader will say."""
    try:
        with path.open("rb") as stream:
            return stream.read(132)
    except OSError:
        return b""
