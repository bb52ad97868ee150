"""The module's parameters, saved with the scene: the core's options one to one, and the nodes that they are for."""

from enum import Enum
from typing import Annotated

from slicer import vtkMRMLScalarVolumeNode
from slicer.i18n import tr as _
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper

from pdm_core.pipeline.options import SuperResolutionOptions


class Mode(Enum):
    """Which resolution is restored; none where the zones alone are segmented."""

    IN_PLANE = "in-plane"
    THROUGH_PLANE = "through-plane"
    ISOTROPIC = "isotropic"
    ZONES = "zones"

    def label(self) -> str:
        """The text of the combo box."""
        return {
            Mode.IN_PLANE: _("Within the slices (in-plane)"),
            Mode.THROUGH_PLANE: _("Between the slices (through-plane)"),
            Mode.ISOTROPIC: _("Both (isotropic voxels)"),
            Mode.ZONES: _("Zones of the prostate only"),
        }[self]


class Profile(Enum):
    """What a slice sees across its thickness."""

    BOX = "box"
    GAUSSIAN = "gaussian"
    SINC = "sinc"

    def label(self) -> str:
        """The text of the combo box."""
        return {
            Profile.BOX: _("Box"),
            Profile.GAUSSIAN: _("Gaussian (2-D scans)"),
            Profile.SINC: _("Sinc (3-D scans)"),
        }[self]


class Matching(Enum):
    """What becomes of planes across the slices, which are thinner than those that a network has learned from."""

    NONE = "none"
    RESIDUAL = "residual"
    AVERAGE = "average"

    def label(self) -> str:
        """The text of the combo box."""
        return {
            Matching.NONE: _("As they are"),
            Matching.RESIDUAL: _("Averaged for what is added"),
            Matching.AVERAGE: _("Averaged"),
        }[self]


class Sampler(Enum):
    """Samplers; automatic takes the model's own."""

    AUTOMATIC = "auto"
    DDIM = "ddim"
    ANCESTRAL = "ancestral"
    DPM_SOLVER_1 = "dpm++1"
    DPM_SOLVER_2M = "dpm++2m"
    CONSISTENCY = "consistency"
    PREDICTOR_CORRECTOR = "pc"

    def label(self) -> str:
        """The text of the combo box."""
        return {
            Sampler.AUTOMATIC: _("Automatic"),
            Sampler.DDIM: _("DDIM"),
            Sampler.ANCESTRAL: _("Ancestral"),
            Sampler.DPM_SOLVER_1: _("DPM-Solver++ (1)"),
            Sampler.DPM_SOLVER_2M: _("DPM-Solver++ (2M)"),
            Sampler.CONSISTENCY: _("Consistency"),
            Sampler.PREDICTOR_CORRECTOR: _("Predictor and corrector"),
        }[self]


class Precision(Enum):
    """What networks compute in."""

    AUTOMATIC = "auto"
    FULL = "float32"

    def label(self) -> str:
        """The text of the combo box."""
        return {Precision.AUTOMATIC: _("Automatic"), Precision.FULL: _("Full (float32)")}[self]


class Grid(Enum):
    """Spacing of a chosen sampler's times."""

    UNIFORM = "uniform"
    QUADRATIC = "quadratic"
    LOG_SNR = "logsnr"

    def label(self) -> str:
        """The text of the combo box."""
        return {
            Grid.UNIFORM: _("Uniform"),
            Grid.QUADRATIC: _("Quadratic"),
            Grid.LOG_SNR: _("Uniform in log SNR"),
        }[self]


class Align(Enum):
    """What stays in place: the center of the first voxel, or the outer box."""

    FIRST_VOXEL = "index0"
    FIELD_OF_VIEW = "fov"

    def label(self) -> str:
        """The text of the combo box."""
        return {
            Align.FIRST_VOXEL: _("Center of the first voxel"),
            Align.FIELD_OF_VIEW: _("Outer box (field of view)"),
        }[self]


@parameterNodeWrapper
class PartialDiffusionSRParameterNode:
    """What the panel shows. In `steps`, `start`, `batch` and `thickness_mm` 0 stands for automatic."""

    inputVolume: vtkMRMLScalarVolumeNode
    outputVolume: vtkMRMLScalarVolumeNode
    referenceVolume: vtkMRMLScalarVolumeNode
    hardenTransform: bool = False
    showComparison: bool = True
    mode: Mode = Mode.IN_PLANE
    factor: Annotated[float, WithinRange(1.1, 8.0)] = 2.0
    reachPixels: bool = True
    thickness_mm: Annotated[float, WithinRange(0.0, 100.0)] = 0.0
    profile: Profile = Profile.GAUSSIAN
    thickness_matching: Matching = Matching.NONE
    adapt: Annotated[int, WithinRange(0, 100000)] = 0
    model: str = "auto"
    sampler: Sampler = Sampler.AUTOMATIC
    steps: Annotated[int, WithinRange(0, 4000)] = 0
    start: Annotated[float, WithinRange(0.0, 1.0)] = 0.0
    samples: Annotated[int, WithinRange(1, 64)] = 1
    seed: Annotated[int, WithinRange(0, 2147483647)] = 0
    device: str = "auto"
    precision: Precision = Precision.AUTOMATIC
    project: bool = True
    pad: bool = False
    align: Align = Align.FIRST_VOXEL
    eta: Annotated[float, WithinRange(0.0, 1.0)] = 0.0
    renewAllNoise: bool = False
    grid: Grid = Grid.UNIFORM
    batch: Annotated[int, WithinRange(0, 4096)] = 0
    zones: bool = False
    zoneModel: str = "auto"


def optionsOf(parameters: PartialDiffusionSRParameterNode) -> SuperResolutionOptions:
    """The core's options that the parameters stand for, unless the zones alone are segmented."""
    return SuperResolutionOptions(
        mode=parameters.mode.value,
        factor=None if choosesFactor(parameters) else parameters.factor,
        thickness_mm=parameters.thickness_mm or None,
        profile=parameters.profile.value,
        thickness_matching=parameters.thickness_matching.value,
        # What was set for slices does not stop a later run within them.
        adapt=0 if parameters.mode is Mode.IN_PLANE else parameters.adapt,
        model=parameters.model,
        sampler=parameters.sampler.value,
        steps=parameters.steps or None,
        start=parameters.start or None,
        samples=parameters.samples,
        seed=parameters.seed,
        device=parameters.device,
        precision=parameters.precision.value,
        project=parameters.project,
        pad=parameters.pad,
        align=parameters.align.value,
        eta="full" if parameters.renewAllNoise else parameters.eta,
        grid=parameters.grid.value,
        batch=parameters.batch or None,
    )


def choosesFactor(parameters: PartialDiffusionSRParameterNode) -> bool:
    """Whether the factor is left to the volume: slices until they are as fine as the pixels."""
    return parameters.mode is Mode.THROUGH_PLANE and parameters.reachPixels


def wantsZones(parameters: PartialDiffusionSRParameterNode) -> bool:
    """Whether zones are segmented: on the restored volume, or on the input alone."""
    return parameters.zones or parameters.mode is Mode.ZONES
