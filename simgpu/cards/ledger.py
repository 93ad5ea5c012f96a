"""The file that programs share: short transactions, each on a connection of its own, and what to do with a bad file.

A connection for each transaction holds no lock in between and needs no care at a `fork`. The rollback journal keeps the
file whole when a process is killed. It is not synced to disk (`synchronous = OFF`): rows mean nothing after a reboot,
and a file that a power failure has damaged is set aside.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import warnings
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import TypeVar

from simgpu.cards.place import check_private, make_private
from simgpu.cards.rows import SCHEMA
from simgpu.errors import CardsError

VERSION = 1
"""Version of the table: grows when its meaning changes. Another version is refused, as its programs may still run."""

_APPLICATION = 0x53474355  # "SGCU": tells our files from other SQLite databases
_DAMAGED = (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

T = TypeVar("T")


class Ledger:
    """One SQLite file in a private directory. Nothing is touched before the first transaction."""

    def __init__(self, path: Path, usage: Path, *, busy_s: float) -> None:
        self.path, self._usage, self._busy_s = path, usage, busy_s

    def change(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do work in one transaction, all or nothing. The file is made if it is not there. May call `work` twice.

        One thread at a time may call. Raises CardsError if the ledger cannot be used, and whatever `work` raises.
        """
        make_private(self.path.parent)
        self._touch()
        return self._run(work)

    def change_if_there(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """Do work as `change` does, but nothing if there is no file."""
        if not self.path.exists():
            return None
        check_private(self.path.parent)
        return self._run(work)

    def _touch(self) -> None:
        if self.path.exists():
            return
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise CardsError(f"{self.path}: the ledger of cards cannot be made ({error.strerror})") from error

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        seen = _identity(self.path)
        try:
            return self._transact(work)
        except sqlite3.Error as error:
            if not _is_damage(error):
                raise self._refusal(error) from error
            self._set_aside(seen, error)
        self._touch()
        try:
            return self._transact(work)
        except sqlite3.Error as error:
            raise self._refusal(error) from error

    def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        uri = f"{self.path.as_uri()}?mode=rw"
        connection = sqlite3.connect(uri, uri=True, timeout=self._busy_s, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("BEGIN IMMEDIATE")
            self._prepare(connection)
            result = work(connection)
            connection.execute("COMMIT")
            return result
        finally:
            connection.close()  # rolls back what is not committed

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Make the table in an empty file. Raises CardsError for a file of another version or program."""
        (application,), (version,) = (
            connection.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version")
        )
        if (application, version) == (_APPLICATION, VERSION):
            return
        if (application, version) != (0, 0) or connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            what = f"is of version {version}" if application == _APPLICATION else "was not written by simgpu"
            raise CardsError(
                f"{self.path}: the ledger of cards {what}, and this simgpu reads version {VERSION}; end the programs "
                f"that use it and remove it, or set SIMGPU_RUNTIME_DIR to another directory"
            )
        connection.execute(SCHEMA)
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {VERSION}")

    def _set_aside(self, seen: tuple[int, int] | None, error: sqlite3.Error) -> None:
        """Rename a damaged file, unless another process has just done so. Figures start anew with the ledger."""
        with open(self.path.with_suffix(".lock"), "w", opener=_private) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if seen is None or _identity(self.path) != seen:
                return
            aside = next(path for number in count(1) if not (path := self._aside(number)).exists())
            for ending in ("-journal", ""):
                with contextlib.suppress(FileNotFoundError):
                    os.rename(f"{self.path}{ending}", f"{aside}{ending}")
            self._usage.unlink(missing_ok=True)
        warnings.warn(
            f"{self.path}: the ledger of cards was damaged ({error}) and is now {aside.name}; a new one is begun, in "
            f"which programs that already run do not count: restart them if cards are tight",
            RuntimeWarning,
            stacklevel=2,
        )

    def _aside(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.damaged-{number}")

    def _refusal(self, error: sqlite3.Error) -> CardsError:
        if _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return CardsError(
                f"{self.path}: another program has held the ledger of cards for {self._busy_s:g} s; try again, or end "
                f"that program if it is stopped"
            )
        return CardsError(f"{self.path}: the ledger of cards cannot be used: {error}; is there room on its disk?")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def _code(error: sqlite3.Error) -> int | None:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF  # extended codes carry the plain one in their low byte


def _is_damage(error: sqlite3.Error) -> bool:
    return _code(error) in _DAMAGED
