"""The demonstration: a real volume is reduced, restored and compared with what it was."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from pdm_core.baselines.bicubic import bicubic
from pdm_core.degradation.kspace import upsample
from pdm_core.evaluation.in_plane import reduced_volume
from pdm_core.metrics.image_quality import consistency, psnr, ssim
from pdm_core.pipeline.options import SuperResolutionOptions
from pdm_core.pipeline.provenance import NOTICE
from pdm_core.pipeline.super_resolution import SuperResolutionResult, super_resolve
from pdm_core.progress import ProgressCallback
from pdm_core.reporting.contact_sheet import Panel, draw_contact_sheet
from pdm_core.reporting.page import page, paragraph, picture, preformatted, table
from pdm_core.volume import Volume, write_volume
from pdm_core.volume.robust_range import PERCENTILES

_MULTIPLE = 4


@dataclass(frozen=True)
class Score:
    """PSNR in dB, SSIM and Consistency in dB of one method over the whole volume, data range 1 between percentiles."""

    method: str
    psnr: float
    ssim: float
    consistency: float


def demonstrate(
    truth: Volume, options: SuperResolutionOptions, folder: Path, progress: ProgressCallback | None = None
) -> tuple[list[Score], list[Path]]:
    """Reduce `truth` by `options.factor`, restore it, and write volumes, contact sheet and report to `folder`.

    Args:
        truth: a real volume at full resolution; its matrix is cut to multiples of 4.
        options: of the restoration; at least two samples, so that there is an uncertainty.
        folder: made when missing.
        progress: receives the restoration's steps.

    Returns:
        The scores and the files written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows, columns = (edge - edge % _MULTIPLE for edge in truth.shape[1:])
    truth = Volume(truth.array[:, :rows, :columns], truth.ijk_to_ras, truth.metadata)
    assert options.factor is not None
    low = reduced_volume(truth, options.factor)
    result = super_resolve(low, options, progress=progress)
    baseline = {
        "bicubic": Volume(bicubic(_tensor(low), (rows, columns))[:, 0].numpy(), truth.ijk_to_ras),
        "zero filling": Volume(upsample(_tensor(low), (rows, columns))[:, 0].numpy(), truth.ijk_to_ras),
    }
    scores = _scores(truth, low, {**baseline, f"PDM, model {result.provenance['model']['name']}": result.volume})
    files = _write_volumes(truth, low, result, folder)
    sheet = folder / "contact_sheet.png"
    draw_contact_sheet(_panels(truth, low, baseline["bicubic"], result), sheet)
    report = folder / "report.html"
    report.write_text(_report(scores, sheet, result), encoding="utf-8")
    return scores, [*files, sheet, report]


def _scores(truth: Volume, low: Volume, images: dict[str, Volume]) -> list[Score]:
    reference = _tensor(truth)
    span = torch.quantile(reference.flatten()[:: max(1, reference.numel() // 1_000_000)], torch.tensor(PERCENTILES) / 100)
    scale = float(span[1] - span[0])
    unit = reference / scale
    scores = []
    for method, image in images.items():
        restored = _tensor(image) / scale
        exact = consistency(restored, _tensor(low) / scale)
        values = (float(value.mean()) for value in (psnr(restored, unit), ssim(restored, unit), exact))
        scores.append(Score(method, *values))
    return scores


def _write_volumes(truth: Volume, low: Volume, result: SuperResolutionResult, folder: Path) -> list[Path]:
    volumes = {"input": low, "restored": result.volume, "truth": truth}
    if result.uncertainty is not None:
        volumes["uncertainty"] = result.uncertainty
    files = [write_volume(volume, folder / f"{name}.nii.gz") for name, volume in volumes.items()]
    record = folder / "restored.provenance.json"
    record.write_text(json.dumps(result.provenance, indent=1), encoding="utf-8")
    return [*files, record]


def _panels(truth: Volume, low: Volume, smooth: Volume, result: SuperResolutionResult) -> Sequence[Panel]:
    middle = truth.shape[0] // 2
    row, column = (truth.shape[axis] // low.shape[axis] for axis in (1, 2))
    pixels = low.array[middle].repeat(row, axis=0).repeat(column, axis=1)[: truth.shape[1], : truth.shape[2]]
    reference, ours, plain = truth.array[middle], result.volume.array[middle], smooth.array[middle]
    panels = [
        Panel("input", pixels, "image"),
        Panel("bicubic", plain, "image"),
        Panel("partial diffusion", ours, "image"),
        Panel("truth", reference, "image"),
        Panel("bicubic - truth", plain - reference, "difference"),
        Panel("partial diffusion - truth", ours - reference, "difference"),
    ]
    if result.uncertainty is not None:
        panels.append(Panel("uncertainty (std of samples)", result.uncertainty.array[middle], "uncertainty"))
    return panels


def _report(scores: Sequence[Score], sheet: Path, result: SuperResolutionResult) -> str:
    rows = [(score.method, f"{score.psnr:.2f}", f"{score.ssim:.4f}", f"{score.consistency:.1f}") for score in scores]
    return page(
        "A volume reduced, restored and compared",
        paragraph(NOTICE),
        table(("method", "PSNR dB", "SSIM", "Consistency dB"), rows),
        paragraph(
            "Means over all slices; data range 1 between the 0.1 and 99.9 percentiles of the truth; SSIM with an 11 x 11 "
            "Gaussian window. Consistency: the result reduced again, against the input."
        ),
        picture(sheet.read_bytes(), "input, bicubic, restored, truth, differences and uncertainty"),
        "<h2>Provenance</h2>",
        preformatted(json.dumps(result.provenance, indent=1)),
    )


def _tensor(volume: Volume) -> torch.Tensor:
    return torch.from_numpy(volume.array)[:, None]
