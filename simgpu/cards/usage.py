"""How much of their memory programs use: two numbers for each claim, in a file that all map into memory.

To report is to write two integers, without a lock, so figures are always current and cost next to nothing. They are for
people to look at; what decides is the ledger.
"""

from __future__ import annotations

import mmap
import os
import struct
from pathlib import Path
from weakref import WeakValueDictionary

_FIGURES = struct.Struct("qq")  # used bytes, peak bytes
_PAGE_BYTES = mmap.ALLOCATIONGRANULARITY
_SLOTS_PER_PAGE = _PAGE_BYTES // _FIGURES.size


class _Page:
    """A part of the file, mapped once for all slots that lie in it."""

    __slots__ = ("__weakref__", "numbers")

    def __init__(self, descriptor: int, start: int) -> None:
        self.numbers = memoryview(mmap.mmap(descriptor, _PAGE_BYTES, offset=start)).cast("q")


class Slot:
    """The place of one claim's figures, at first 0."""

    __slots__ = ("_first", "_numbers", "_page")

    def __init__(self, page: _Page, position: int) -> None:
        self._page, self._numbers, self._first = page, page.numbers, 2 * position
        self.write(0, 0)

    def write(self, used_bytes: int, peak_bytes: int) -> None:
        """Set both figures."""
        self._numbers[self._first] = used_bytes
        self._numbers[self._first + 1] = peak_bytes


class UsageFile:
    """The figures of all claims, by the number of their slot. A page stays mapped while a slot of it is in use."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pages: WeakValueDictionary[tuple[int, int, int], _Page] = WeakValueDictionary()

    def slot(self, number: int) -> Slot:
        """Return a slot, set to 0. The file grows if it must; raises OSError if it cannot."""
        page, position = divmod(number, _SLOTS_PER_PAGE)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            return Slot(self._page(descriptor, page), position)
        finally:
            os.close(descriptor)

    def read(self) -> bytes:
        """Return the file as it is now, for `figures`."""
        return content_of(self.path)

    def _page(self, descriptor: int, number: int) -> _Page:
        status = os.fstat(descriptor)
        key = (status.st_dev, status.st_ino, number)
        page = self._pages.get(key)
        if page is None:
            end = (number + 1) * _PAGE_BYTES
            # Written, not only reserved: touching a mapped page that a full disk cannot give would end the process.
            os.pwrite(descriptor, bytes(max(0, end - status.st_size)), status.st_size)
            page = self._pages[key] = _Page(descriptor, number * _PAGE_BYTES)
        return page


def content_of(path: Path) -> bytes:
    """Return a file of figures as it is now; nothing if nobody has written it yet."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def figures(content: bytes, slot: int) -> tuple[int, int]:
    """Return the used and the peak bytes of a slot; a peak is never below what is used."""
    if (slot + 1) * _FIGURES.size > len(content):
        return 0, 0
    used, peak = _FIGURES.unpack_from(content, slot * _FIGURES.size)
    return used, max(used, peak)
