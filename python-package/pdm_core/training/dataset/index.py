"""The index of a prepared dataset: which volumes there are, where they came from, and what is known of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pdm_core.atomic import write_text
from pdm_core.errors import InputError
from pdm_core.training.dataset.cache import VolumeFacts, file_is_whole
from pdm_core.training.dataset.labels import Labelling, labels_are_whole
from pdm_core.training.slices import SliceStack, open_stack

INDEX = "dataset.json"
_FORMAT = 1


@dataclass(frozen=True)
class DataSource:
    """A part of a dataset and how often its slices are drawn.

    Attributes:
        path: beginning of the names of its volumes, up to a slash.
        weight: relative share of the slices drawn from this part.
    """

    path: str
    weight: float = 1.0

    def holds(self, name: str) -> bool:
        """Whether the volume `name` belongs to this part."""
        return name == self.path or name.startswith(self.path.rstrip("/") + "/")


@dataclass(frozen=True)
class VolumeRecord:
    """A volume that was taken.

    Attributes:
        name: of its file or series, relative to the folder that was prepared.
        patient: number in this dataset; whose it is stands nowhere.
        split: train, val or test.
        source: path that it was read from.
        facts: what was found out on reading it.
        labelling: its labels, if there are any.
    """

    name: str
    patient: str
    split: str
    source: str
    facts: VolumeFacts
    labelling: Labelling | None = None

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> VolumeRecord:
        """From JSON."""
        labelling = content.get("labelling")
        parsed = None if labelling is None else Labelling.from_dict(labelling)
        return cls(**{**content, "facts": VolumeFacts.from_dict(content["facts"]), "labelling": parsed})


@dataclass(frozen=True)
class Refusal:
    """A volume that was not taken, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Dataset:
    """A prepared dataset in a folder.

    Attributes:
        folder: holds the index and the cached volumes.
        volumes: what was taken, in the order of the names.
        refused: what was not.
        settings: what it was prepared from and by which rules.
    """

    folder: Path
    volumes: tuple[VolumeRecord, ...]
    refused: tuple[Refusal, ...]
    settings: Mapping[str, Any]

    @classmethod
    def open(cls, folder: Path) -> Dataset:
        """Read the index in `folder`.

        Raises:
            InputError: there is none, or it cannot be understood.
        """
        path = folder / INDEX
        if not path.is_file():
            raise InputError(
                f"{folder} is no prepared dataset: it holds no {INDEX}.", "Make one: pdm-sr prepare FOLDER -o DATASET."
            )
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["format"] != _FORMAT:
                raise InputError(f"{path} has the format {content['format']}, not {_FORMAT}.", "Prepare the data again.")
            volumes = tuple(VolumeRecord.from_dict(entry) for entry in content["volumes"])
            return cls(folder, volumes, tuple(Refusal(**entry) for entry in content["refused"]), content["settings"])
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path} cannot be understood: {error!r}.", "Prepare the data again.") from error

    def save(self) -> Path:
        """Write the index, atomically."""
        content = {
            "format": _FORMAT,
            "settings": dict(self.settings),
            "volumes": [asdict(record) for record in self.volumes],
            "refused": [asdict(refusal) for refusal in self.refused],
        }
        path = self.folder / INDEX
        write_text(path, json.dumps(content, indent=1))
        return path

    @property
    def digest(self) -> str:
        """SHA-256 of what is in which split: a model knows by it which data it has seen."""
        content = sorted((record.split, record.name, record.facts.sha256) for record in self.volumes)
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    @property
    def label_digest(self) -> str:
        """SHA-256 of all labels and how far they are trusted; with `digest` what a zone model has seen."""
        content = sorted(
            (record.name, label.kind, label.trust, label.sha256)
            for record in self.volumes
            if record.labelling is not None
            for label in record.labelling.labels
        )
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def verify(self) -> None:
        """Compare every cached volume and label map with its checksum; raises `InputError` at a difference."""
        for record in self.volumes:
            whole = record.labelling is None or labels_are_whole(self.folder, record.labelling)
            if not whole or not file_is_whole(self.folder, record.facts):
                raise InputError(
                    f"The cached volume {record.facts.file} of {record.name} is missing or damaged.",
                    "Prepare the data again: what is whole is kept.",
                )

    def stacks(self, split: str, sources: Sequence[DataSource] = ()) -> list[SliceStack]:
        """The volumes of `split` that belong to one of `sources`, memory-mapped; without sources all of the split.

        Raises:
            InputError: there is none.
        """
        stacks = []
        for record in self.volumes:
            source = next((item for item in sources if item.holds(record.name)), None) if sources else DataSource("")
            if record.split == split and source is not None:
                facts = record.facts
                stacks.append(open_stack(self.folder / facts.file, record.name, facts.useful, source.weight))
        if not stacks:
            parts = ", ".join(item.path for item in sources) or "it"
            raise InputError(
                f"The dataset {self.folder} has no {split} volume in {parts}.", "Prepare more data, or mend the recipe."
            )
        return stacks
