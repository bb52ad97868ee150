"""Errors that reach a user: one line that says what is wrong, one hint that says what to do (DESIGN, "Command line")."""

from __future__ import annotations

from typing import ClassVar


class PdmError(Exception):
    """Base of every error that `pdm_core` raises on purpose.

    Args:
        message: what is wrong, naming the file and the value.
        hint: what the user can do about it; may be empty.
    """

    exit_code: ClassVar[int] = 1
    kind: ClassVar[str] = "error"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class InputError(PdmError):
    """Bad arguments or an input that cannot be worked on (exit code 2)."""

    exit_code = 2
    kind = "input"


class MissingDependencyError(PdmError):
    """A package, a weight file or a device that is needed is not there (exit code 3)."""

    exit_code = 3
    kind = "missing"


class MemoryShortageError(PdmError):
    """The work does not fit the memory of the device or of the machine (exit code 1)."""

    kind = "memory"

    def __init__(
        self,
        message: str = "The memory did not suffice.",
        hint: str = "Close other programs, use a smaller factor or batch, or crop the volume.",
    ) -> None:
        super().__init__(message, hint)


class CancelledError(PdmError):
    """The user asked to stop (exit code 130)."""

    exit_code = 130
    kind = "cancelled"

    def __init__(self, message: str = "Cancelled; no output was written.", hint: str = "") -> None:
        super().__init__(message, hint)
