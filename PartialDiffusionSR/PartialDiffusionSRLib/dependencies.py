"""What the worker needs besides Slicer: looked for without importing it, installed at a start only and after asking."""

import importlib
import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from pdm_core.errors import MissingDependencyError

_TORCH = ">=2.4"
# One requirement a line. None may pull torch in: pip would take the wrong build.
REQUIREMENTS = Path(__file__).resolve().parents[1] / "Resources" / "requirements.txt"


def missingPackages(lists: Sequence[Path]) -> list[str]:
    """Requirements in files that are not there."""
    requirements = [entry for path in lists for entry in path.read_text(encoding="utf-8").split()]
    return [entry for entry in requirements if not _isInstalled(re.split("[<>=~!]", entry)[0])]


def torchIsThere() -> bool:
    """Whether torch is installed; it is not imported, for a broken one could take Slicer along."""
    return importlib.util.find_spec("torch") is not None


def ensureDependencies(interactive: bool, lists: Sequence[Path] = (REQUIREMENTS,)) -> None:
    """Install what is missing.

    Args:
        interactive: ask first; without it, nothing is installed and what is missing is an error.
        lists: files with the requirements besides torch.

    Raises:
        MissingDependencyError: something is missing, and was refused or could not be installed.
    """
    if not torchIsThere():
        _installTorch(interactive)
    missing = missingPackages(lists)
    if missing:
        _installPackages(missing, interactive)


def _isInstalled(package: str) -> bool:
    # Not at the start of Slicer: it brings half of the standard library along.
    import importlib.metadata

    try:
        importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _installTorch(interactive: bool) -> None:
    try:
        import PyTorchUtils
    except ModuleNotFoundError:
        raise MissingDependencyError(
            _("PyTorch is not installed."),
            _("Install the extension PyTorch in the Extensions Manager, restart Slicer and start again."),
        ) from None
    question = _("PartialDiffusionSR needs PyTorch, a download of up to several gigabytes. Install it now?")
    if not interactive or not slicer.util.confirmOkCancelDisplay(question):
        raise MissingDependencyError(_("PyTorch is not installed."), _("Start again and agree to install it."))
    try:
        torch = PyTorchUtils.PyTorchUtilsLogic().installTorch(askConfirmation=False, torchVersionRequirement=_TORCH)
    except Exception as error:
        raise MissingDependencyError(
            _("PyTorch could not be installed: {reason}").format(reason=error),
            _("Check the connection to the network, or install it in the module PyTorch."),
        ) from error
    importlib.invalidate_caches()
    if torch is None:
        raise MissingDependencyError(_("PyTorch could not be installed."), _("Look into the Python console for the reason."))


def _installPackages(requirements: list[str], interactive: bool) -> None:
    names = ", ".join(requirements)
    question = _("PartialDiffusionSR needs these Python packages: {names}. Install them now?").format(names=names)
    refused = MissingDependencyError(
        _("Python packages are missing: {names}.").format(names=names), _("Start again and agree to install them.")
    )
    if not interactive or not slicer.util.confirmOkCancelDisplay(question):
        raise refused
    install = slicer.packaging.pip_install if hasattr(slicer, "packaging") else slicer.util.pip_install
    try:
        install(" ".join(requirements))
    except Exception as error:
        raise MissingDependencyError(
            _("{names} could not be installed: {reason}").format(names=names, reason=error),
            _("Check the connection to the network, and the proxy's settings."),
        ) from error
    importlib.invalidate_caches()
