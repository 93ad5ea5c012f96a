"""Where the ledger of cards lies: a directory that belongs to the user alone, on a disk of this computer.

Network file systems (NFS) are not supported: their locks are not reliable, and pids mean nothing on another computer.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from simgpu.errors import CardsError

_TEMPORARY = Path("/tmp")


def runtime_directory(given: str | None = None, session: str | None = None, temporary: Path = _TEMPORARY) -> Path:
    """Return the directory for what programs of one user share.

    It is `given`; else `simgpu` in the directory of the login `session`, where that exists and is this user's own
    (after `su` it is another's); else `/tmp/simgpu-<uid>`. Nothing is made yet.
    """
    if given:
        if not Path(given).is_absolute():
            raise CardsError(
                f"SIMGPU_RUNTIME_DIR is {given!r}, which means another place in each program; give an absolute path"
            )
        return Path(given)
    if session and Path(session).is_absolute() and _is_own(Path(session)):
        return Path(session) / "simgpu"
    return temporary / f"simgpu-{os.geteuid()}"


def make_private(directory: Path) -> None:
    """Make a directory, if it is not there, and check that only this user can get at it. Raises CardsError."""
    try:
        directory.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
    except OSError as error:
        raise _refusal(directory, f"cannot be made ({error.strerror})", "") from error
    check_private(directory)


def check_private(directory: Path) -> None:
    """Check that a directory is a real one, and this user's alone. Raises CardsError."""
    status = directory.lstat()
    if stat.S_ISLNK(status.st_mode):
        raise _refusal(directory, "is a symbolic link", "remove the link, ")
    if status.st_uid != os.geteuid():
        raise _refusal(directory, f"belongs to user {status.st_uid}, not to user {os.geteuid()}", "")
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        mode = stat.S_IMODE(status.st_mode)
        raise _refusal(directory, f"is open to other users (mode {mode:04o})", f"run `chmod 700 {directory}`, ")


def _is_own(directory: Path) -> bool:
    return directory.is_dir() and directory.stat().st_uid == os.geteuid()


def _refusal(directory: Path, why: str, cure: str) -> CardsError:
    return CardsError(
        f"{directory}: the directory where programs share cards {why}; {cure}{'or ' if cure else ''}name a directory "
        f"of your own with SIMGPU_RUNTIME_DIR"
    )
