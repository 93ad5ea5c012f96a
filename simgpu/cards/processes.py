"""Which process this is, and whether another one still lives: from `/proc` where there is one, else by signal 0."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

_LOADED_NS = time.monotonic_ns()
_DEAD_STATES = ("Z", "X", "x")
_STARTED = 19  # field 22 of /proc/<pid>/stat, counted from the state, which follows the name in parentheses
_LONGEST_PROGRAM = 60


@dataclass(frozen=True, slots=True)
class Owner:
    """A process that no later one with the same pid is taken for.

    `started` is its start in clock ticks since `boot`; both are empty where the system does not tell. `loaded` differs
    between the programs that one process runs in turn (`exec`), and is known to be stale only by that process.
    """

    boot: str
    pid: int
    started: str
    loaded: int
    program: str = field(compare=False)


class Processes(Protocol):
    """What the ledger needs to know of processes."""

    def pid(self) -> int:
        """Return the pid of this process. Cheap: it is asked whenever figures are reported."""

    def owner(self) -> Owner:
        """Return this process as the ledger knows it."""

    def is_alive(self, owner: Owner) -> bool:
        """Tell whether a process that made a claim still runs."""

    def scope(self) -> str:
        """Return what pids are counted in: processes of different scopes cannot know of each other."""


class SystemProcesses:
    """The processes of this computer, as the process that asks sees them."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc

    def pid(self) -> int:
        """Return the pid of this process."""
        return os.getpid()

    def owner(self) -> Owner:
        """Return this process: pid, boot and start time."""
        pid = os.getpid()
        return Owner(self._boot(), pid, self._started(pid) or "", _LOADED_NS, program_name(sys.argv))

    def is_alive(self, owner: Owner) -> bool:
        """Tell whether this very process still runs. Zombies are dead: they hold no memory.

        Without `/proc`, any process with the pid counts, zombies too.
        """
        if owner.pid == os.getpid():
            return owner == self.owner()
        if owner.boot != self._boot():
            return False
        if self._is_ours():
            return self._started(owner.pid) == owner.started
        return _answers(owner.pid)

    def scope(self) -> str:
        """Return the number of the pid namespace, which containers have of their own; empty without `/proc`."""
        try:
            return str((self._proc / "self/ns/pid").stat().st_ino) if self._is_ours() else ""
        except OSError:
            return ""

    def _is_ours(self) -> bool:
        """Tell whether `/proc` counts processes as this process does; one from outside a container does not."""
        try:
            return (self._proc / "self").readlink() == Path(str(os.getpid()))
        except OSError:
            return False

    def _boot(self) -> str:
        return _text(self._proc / "sys/kernel/random/boot_id").strip() if self._is_ours() else ""

    def _started(self, pid: int) -> str | None:
        """Return the start time of a process, None if there is none alive."""
        fields = _text(self._proc / f"{pid}/stat").rpartition(")")[2].split() if self._is_ours() else []
        return fields[_STARTED] if len(fields) > _STARTED and fields[0] not in _DEAD_STATES else None


def program_name(arguments: list[str]) -> str:
    """Return the name of a program for people: `train.py`; `simgpu` for `python -m simgpu`; else `python`."""
    path = Path(arguments[0] if arguments else "")
    name = path.parent.name if path.name == "__main__.py" else path.name
    name = name if name not in ("", "-", "-c", "-m") else "python"
    return "".join(letter if letter.isprintable() else "?" for letter in name)[:_LONGEST_PROGRAM]


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
