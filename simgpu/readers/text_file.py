"""A text file as readers take it: whole, of a bounded size, and able to say in which line and column a fault is."""

from __future__ import annotations

import os
from dataclasses import dataclass

from simgpu.errors import InvalidValue, ModelFileError, SimgpuError

LARGEST_FILE_BYTES = 2**26


@dataclass(frozen=True, slots=True)
class TextFile:
    """The text of a file. `error` is the class of what is raised for its faults."""

    name: str
    text: str
    error: type[SimgpuError] = ModelFileError

    def refusal(self, offset: int, reason: str) -> SimgpuError:
        """Return the error for what stands at an offset: file, line and column, counted from 1."""
        before = self.text[:offset]
        line, column = before.count("\n") + 1, offset - before.rfind("\n")
        return self.error(f"{self.name}:{line}:{column}: {reason}")


def read_text(
    path: str | os.PathLike[str],
    *,
    what: str,
    error: type[SimgpuError] = ModelFileError,
    largest_bytes: int = LARGEST_FILE_BYTES,
) -> TextFile:
    """Read a file of UTF-8. Raises `error` if it cannot be read; `what` says what it should be, such as `a profile`."""
    if not isinstance(path, str | os.PathLike) or isinstance(name := os.fspath(path), bytes):
        raise InvalidValue(f"{what} is read from a path, not from {path!r:.60}; give the name of a file")
    try:
        with open(name, "rb") as file:
            data = file.read(largest_bytes + 1)
    except (OSError, ValueError) as failure:
        reason = getattr(failure, "strerror", None) or str(failure)
        raise error(f"{name!r} cannot be read: {reason}; give the path of {what}") from failure
    if len(data) > largest_bytes:
        raise error(f"{name} has more than {largest_bytes} bytes; {what} has fewer")
    return TextFile(name, _decoded(name, data, error), error)


def _decoded(name: str, data: bytes, error: type[SimgpuError]) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        before, byte = data[: fault.start], data[fault.start]
    line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
    raise error(f"{name}:{line}:{column}: byte 0x{byte:02x} is not UTF-8; is it a text file?")
