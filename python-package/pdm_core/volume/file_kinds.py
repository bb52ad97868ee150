"""What kind a file is by its content, so that a file of another kind can be told from a damaged one."""

from __future__ import annotations

import codecs
from pathlib import Path

# The first bytes that identify formats which lie beside medical images: documents, pictures, archives, programs, arrays.
_SIGNATURES = (
    b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*", b"BM", b"\0\0\1\0", b"RIFF", b"OggS", b"ID3",
    b"PK\3\4", b"PK\5\6", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"MSCF", b"\x28\xb5\x2f\xfd",
    b"\xd0\xcf\x11\xe0", b"SQLite format 3\0", b"\x89HDF", b"\x93NUMPY", b"MATLAB ", b"NRRD000", b"\xca\xfe\xba\xbe",
    b"MZ", b"\x7fELF", b"ITSF", b"bplist", b"\x80\2", b"\x80\3", b"\x80\4", b"\x80\5", b"\x1a\x45\xdf\xa3",
)  # fmt: skip
# NIfTI and Analyze headers begin with their own size, in either byte order.
_HEADER_SIZES = (b"\x5c\1\0\0", b"\0\0\1\x5c", b"\x1c\2\0\0", b"\0\0\2\x1c")
_COMPANIONS = frozenset({".ds_store", ".localized", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"})
# Beginnings of small texts that stand for content which has not been fetched (Git LFS, git-annex).
_PLACEHOLDERS = ("version https://git-lfs.github.com/", "/annex/objects/")
_TEXT_CONTROLS = frozenset(b"\t\n\v\f\r\x1b")
START_BYTES = 4096


def is_companion(name: str) -> bool:
    """Whether a name is that of a file which macOS or Windows keeps beside others (`._NAME`, `.DS_Store`, `Thumbs.db`)."""
    return name.startswith("._") or name.lower() in _COMPANIONS


def is_other_kind(start: bytes) -> bool:
    """Whether the first bytes of a file show that it is neither a damaged image nor the placeholder of one.

    Args:
        start: up to `START_BYTES` bytes.
    """
    if start.startswith(_SIGNATURES) or start[:4] in _HEADER_SIZES or start[4:8] == b"ftyp":
        return True
    return _as_text(start) is not None and not is_placeholder(start)


def is_placeholder(start: bytes) -> bool:
    """Whether a file only names content that has to be fetched, as those of Git LFS and git-annex do."""
    text = _as_text(start)
    return text is not None and (text.startswith(_PLACEHOLDERS) or ".git/annex/objects/" in text.split("\n")[0])


def is_dangling(path: Path) -> bool:
    """Whether `path` is a link whose target does not exist."""
    return path.is_symlink() and not path.exists()


def _as_text(start: bytes) -> str | None:
    """The beginning of a readable text, or None."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return start.decode("utf-16", errors="replace")
    if not start.strip() or any(byte < 32 and byte not in _TEXT_CONTROLS for byte in start):
        return None
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        printable = sum(byte < 127 for byte in start)
        return start.decode("latin-1") if printable > 0.8 * len(start) else None
