"""The journal of a run, to be looked at while it goes on: a self-contained page and TensorBoard files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor

from pdm_core.atomic import write_text
from pdm_core.reporting.page import as_png, captioned, gray_png, new_figure, page, paragraph, picture, table
from pdm_core.training.checkpoint import TrainingState
from pdm_core.training.team import Team

PAGE = "curves.html"
_EVENTS = "tensorboard"
_COLUMNS = ("step", "loss")
_EXPLAINED = {
    "psnr_gain": "Gains are over the interpolated image, on the validation volumes.",
    "dice": "Dice coefficients are those of the whole validation volumes.",
}
_CURVES = {"psnr_gain": ("loss", "psnr_gain", "ssim_gain"), "dice": ("loss", "dice")}


class Journal:
    """Writes `curves.html` and, where TensorBoard is installed, its event files.

    Args:
        name: of the model.
        folder: of the run.
        events: TensorBoard's writer, or None.
    """

    def __init__(self, name: str, folder: Path, events: Any) -> None:
        self._name, self._folder, self._events = name, folder, events

    def write(self, history: Sequence[Mapping[str, Any]], images: Mapping[str, Tensor]) -> None:
        """Bring the journal in line with the history.

        Args:
            history: one record a validation, the last one new.
            images: examples in about [-1, 1], (H, W), by their captions.
        """
        columns = [*_COLUMNS, *(key for key in history[-1] if key not in _COLUMNS)]
        rows = [[record["step"], *(f"{record[key]:.4f}" for key in columns[1:])] for record in reversed(history)]
        text = page(
            f"Training of {self._name}",
            paragraph(f"{_EXPLAINED[_kind(columns)]} The newest validation stands first."),
            picture(as_png(_curves(history, columns)), "loss and measures over the steps"),
            *(captioned(gray_png(image.numpy()), caption) for caption, image in images.items()),
            table(columns, rows),
        )
        write_text(self._folder / PAGE, text)
        if self._events is not None:
            self._record(history[-1], images)

    def _record(self, record: Mapping[str, Any], images: Mapping[str, Tensor]) -> None:
        for key, value in record.items():
            if key != "step":
                self._events.add_scalar(key, value, record["step"])
        for caption, image in images.items():
            self._events.add_image(caption, ((image[None] + 1) / 2).clamp(0, 1), record["step"])
        self._events.flush()


@contextmanager
def journal_of(
    team: Team, name: str, folder: Path, state: TrainingState, warn: Callable[[str], None]
) -> Iterator[Journal | None]:
    """The journal of the leader, None for the others and where matplotlib is missing, which is said."""
    if not team.leads:
        yield None
        return
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError:
        warn("matplotlib is not installed: there will be no page with curves.")
        yield None
        return
    events = _event_writer(folder / _EVENTS, state.step, warn)
    try:
        yield Journal(name, folder, events)
    finally:
        if events is not None:
            events.close()


def _event_writer(folder: Path, step: int, warn: Callable[[str], None]) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError:
        warn("TensorBoard is not installed: there will be no files for it, only the page with curves.")
        return None
    # What an interrupted run has written after its checkpoint comes again.
    return SummaryWriter(str(folder), purge_step=step + 1)


def _curves(history: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Any:
    figure = new_figure(12, 3.4)
    kinds = _CURVES[_kind(columns)]
    axes = figure.subplots(1, len(kinds))
    steps = [record["step"] for record in history]
    for axis, kind in zip(axes, kinds, strict=True):
        for key in (column for column in columns if column.startswith(kind)):
            axis.plot(steps, [record[key] for record in history], "o-", markersize=3, label=key)
        axis.set(xlabel="step")
        axis.legend()
    return figure


def _kind(columns: Sequence[str]) -> str:
    """What the validations measure."""
    return "dice" if any(column.startswith("dice") for column in columns) else "psnr_gain"
