"""Processes that a test starts and kills at will, and real ones that run a few lines."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from simgpu.cards import CardKey, ClaimRequest, Owner, SharedCards

ROOT = Path(__file__).resolve().parents[3]
GIB = 2**30
CARDS = tuple(CardKey(f"GPU-{number}", f"host0/GPU:{number}", "generic-4GiB", 4 * GIB) for number in range(4))

PRELUDE = """
import os, sys
from simgpu.cards import SharedCards
from tests.unit.cards.fleet import CARDS, GIB, hold, request
cards = SharedCards(os.environ["SIMGPU_RUNTIME_DIR"])

def wait():
    print("ready", flush=True)
    sys.stdin.readline()
"""


def request(card: int = 0, size_bytes: int = GIB, *, device: int | None = None, limit_bytes: int | None = None):
    """Return a request of `/gpu:<card>`, or of another device, for part of a card."""
    name = f"/job:localhost/replica:0/task:0/device:GPU:{card if device is None else device}"
    return ClaimRequest(CARDS[card], name, size_bytes if limit_bytes is None else limit_bytes, size_bytes)


def hold(cards: SharedCards, size_bytes: int = 2 * GIB):
    """Claim as much of each of the four cards."""
    return cards.claim_all(request(number, size_bytes) for number in range(4))


class Fleet:
    """A computer whose processes live and die as the test says; pids can come again."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.living, self.started = directory, {}, 0

    def start(self, pid: int, program: str = "") -> SharedCards:
        """Start a process, and return the cards as it sees them."""
        self.started += 1
        process = Process(self, Owner("boot", pid, str(self.started), 0, program or f"p{pid}.py"))
        self.living[pid] = process.me
        return SharedCards(self.directory, processes=process)

    def kill(self, pid: int) -> None:
        del self.living[pid]


class Process:
    """One process of a fleet; `fork` makes this object that of its child."""

    def __init__(self, fleet: Fleet, me: Owner) -> None:
        self.fleet, self.me = fleet, me

    def pid(self) -> int:
        return self.me.pid

    def owner(self) -> Owner:
        return self.me

    def is_alive(self, owner: Owner) -> bool:
        return self.fleet.living.get(owner.pid) == owner

    def scope(self) -> str:
        return ""

    def fork(self, pid: int) -> None:
        self.me = replace(self.me, pid=pid, started="forked")
        self.fleet.living[pid] = self.me


def spawn(directory: Path, program: str) -> subprocess.Popen[str]:
    """Start a Python program of its own that sees `cards`, `hold`, `request` and `wait`."""
    return subprocess.Popen(
        [sys.executable, "-c", PRELUDE + program],
        cwd=ROOT,
        env={**os.environ, "SIMGPU_RUNTIME_DIR": str(directory), "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def sizes(cards: SharedCards) -> dict[tuple[int, str], list[int]]:
    """Return what each program holds of each card, by card and program."""
    return {
        (CARDS.index(use.card), process.program): [device.size_bytes for device in process.devices]
        for use in cards.snapshot()
        for process in use.processes
    }
