"""What programs on real cards see there outside of all limits: four numbers for each claim, in a file of their own.

The file is made when somebody has seen something. Its figures are for people to look at, as those of `usage` are; each
says whose it is, so that those of claims that are gone are nobody's.
"""

from __future__ import annotations

import contextlib
import os
import struct
from pathlib import Path
from typing import NamedTuple

from simgpu.cards.rows import Row
from simgpu.cards.usage import content_of

_FIGURES = struct.Struct("qqqq")  # pid, number of the claim, time, bytes


class Seen(NamedTuple):
    """What a program saw last, and when. Of several, the latest is the largest."""

    time_ns: int
    outside_bytes: int


class OutsideFile:
    """The figures of all claims, by the number of their slot."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, row: Row, seen: Seen) -> None:
        """Say what the program of a claim has seen. What cannot be written is not said."""
        figures = _FIGURES.pack(row.owner.pid, row.number, *seen)
        with contextlib.suppress(OSError):
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                os.pwrite(descriptor, figures, row.slot * _FIGURES.size)
            finally:
                os.close(descriptor)

    def read(self) -> bytes:
        """Return the file as it is now, for `seen_by`."""
        return content_of(self.path)


def seen_by(content: bytes, row: Row) -> Seen | None:
    """Return what the program of a claim has seen; None if it has said nothing."""
    start = row.slot * _FIGURES.size
    if start + _FIGURES.size > len(content):
        return None
    pid, number, *seen = _FIGURES.unpack_from(content, start)
    return Seen(*seen) if (pid, number) == (row.owner.pid, row.number) else None
