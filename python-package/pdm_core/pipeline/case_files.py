"""The files of one case of a batch: their names, and what they must not replace."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pdm_core.errors import InputError
from pdm_core.pipeline.batch_report import BatchReport
from pdm_core.pipeline.outputs import (
    files_of,
    is_unchanged,
    provenance_path,
    read_record,
    refuse_results_of_another_input,
)
from pdm_core.segmentation.files import SEGMENTATION_SUFFIX, on_the_input
from pdm_core.volume.identity import volume_sha256
from pdm_core.volume.images import image_suffix
from pdm_core.volume.volume import Volume


@dataclass(frozen=True)
class CaseFiles:
    """Where the results of a case lie.

    Attributes:
        image: the restored volume.
    """

    image: Path

    @property
    def uncertainty(self) -> Path:
        """The spread of the samples, in the format of the image."""
        return self._companion(f"_uncertainty{image_suffix(self.image) or ''}")

    @property
    def zones(self) -> Path:
        """The zones on the grid of the image."""
        return self._companion(f"_zones{SEGMENTATION_SUFFIX}")

    def refuse_replacing(self, source: str, volume: Volume, inputs: frozenset[str], report: BatchReport) -> None:
        """Raise `InputError` where one of the files would replace what it must not; for use before long work.

        That is an input of the batch, a result of another input, or zones that were changed after they were written.

        Args:
            source: absolute path of the input of this case.
            volume: which it holds.
            inputs: real paths of all inputs of the batch.
            report: knows what results in other formats were made from.
        """
        files = [self.image, self.uncertainty, self.zones, on_the_input(self.zones)]
        for path in files:
            if os.path.realpath(path) in inputs:
                raise InputError(f"The output {path} is an input of this batch.", "Choose another folder for the results.")
        refuse_results_of_another_input(files, volume, [provenance_path(self.image), provenance_path(self.zones)])
        maker, sha256 = report.maker_of(self.image)
        if self.image.exists() and maker not in ("", source) and sha256 != volume_sha256(volume):
            raise InputError(
                f"{self.image} is the result of another input, {maker}: it would be replaced.",
                "Choose another folder for the results, or remove the earlier result first.",
            )
        self._refuse_edited_zones()

    def remove_superseded(self) -> None:
        """Remove the companions of an earlier image, which do not go with the one that is written next."""
        for path in (provenance_path(self.zones), self.zones, on_the_input(self.zones)):
            path.unlink(missing_ok=True)
        record = read_record(provenance_path(self.image))
        if record is not None:
            for name in files_of(record) - {record["output"]["file"]}:
                self.image.with_name(name).unlink(missing_ok=True)

    def _refuse_edited_zones(self) -> None:
        record = read_record(provenance_path(self.zones))
        if record is None:
            return
        for path in (self.zones.with_name(name) for name in files_of(record)):
            if path.exists() and not is_unchanged(record, path):
                raise InputError(
                    f"{path} was changed after it was written, perhaps by hand.",
                    "Move it to another name to keep it, or remove it, and run the batch again.",
                )

    def _companion(self, ending: str) -> Path:
        return self.image.with_name(self.image.name.removesuffix(image_suffix(self.image) or "") + ending)
