"""Steps of a longer piece of work: each in a process of its own, with a time limit; what it prints is kept at once.

A step that takes too long is interrupted, as from the keyboard, so that it can say what it has; if that does not end
it, it is killed, with all that it has started.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from time import monotonic

from benchmarks.needs import ROOT

TOO_LONG = 124
"""The exit status of a step that was ended, or not begun, for want of time: that of `timeout`."""
GRACE_S = 10.0
"""How long an interrupted step may take to end."""
LEAST_S = 5.0
"""With less time left, a step is not begun."""


@dataclass(frozen=True, slots=True)
class Step:
    """One part of the work: what it runs, how long it may take, and a status of it that is as good as 0."""

    name: str
    command: tuple[str, ...]
    limit_s: float = 600.0
    also_good: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """A step that has ended. `limit_s` is how long it was allowed to take."""

    step: Step
    status: int
    seconds: float
    limit_s: float

    def row(self) -> str:
        """Return what is said of it, in one line."""
        word = "passed"
        if self.status == TOO_LONG:
            word = f"TOO LONG, ended after {self.limit_s:.0f} s" if self.seconds else "NOT BEGUN, no time was left"
        elif self.status:
            word = f"FAILED ({self.status})"
        return f"gpu: {self.step.name:<10} {word:<12} {self.seconds:7.1f} s"


class Budget:
    """The time that all steps have together; None: no end."""

    def __init__(self, seconds: float | None) -> None:
        self._end = None if seconds is None else monotonic() + seconds

    def limit_s(self, step: Step, *, is_last: bool = False) -> float:
        """Return how long a step may take now; 0 if it is not worth while to begin. The last one may have all."""
        if self._end is None:
            return step.limit_s
        left = self._end - monotonic() - GRACE_S
        if left < LEAST_S:
            return 0.0
        return left if is_last else min(step.limit_s, left)


def run_all(steps: Sequence[Step], folder: Path, stamp: str, budget: Budget) -> Iterator[Done]:
    """Run steps one after the other; what each prints is in a folder, in a file that begins with the stamp."""
    for step in steps:
        limit_s = budget.limit_s(step, is_last=step is steps[-1])
        yield run(step, folder / f"{stamp}-{step.name}.txt", limit_s)


def run(step: Step, kept: Path, limit_s: float) -> Done:
    """Run a step; what it prints is shown as it comes, and kept."""
    if not limit_s:
        print(f"\ngpu: {step.name}: not begun, no time was left", flush=True)
        return Done(step, TOO_LONG, 0.0, limit_s)
    print(f"\ngpu: {step.name}, {limit_s:.0f} s at most: {' '.join(step.command)}", flush=True)
    start = monotonic()
    with kept.open("w", encoding="utf-8", buffering=1) as file, _started(step) as process:
        ending = _Ending(process, limit_s)
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            file.write(line)
        process.wait()
        ending.cancel()
        if ending.is_due:
            file.write(f"\nended after {limit_s:.0f} s, which is its limit\n")
    return Done(step, _status(step, process.returncode, is_due=ending.is_due), monotonic() - start, limit_s)


def _status(step: Step, code: int, *, is_due: bool) -> int:
    if is_due:
        return TOO_LONG
    status = code if code >= 0 else 128 - code
    return 0 if status == step.also_good else status


@contextmanager
def _started(step: Step) -> Iterator[subprocess.Popen[str]]:
    """Start a step, as the head of a group of processes, which is killed where the context ends before the step."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    process = subprocess.Popen(
        step.command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                _send(process, signal.SIGKILL)


class _Ending:
    """Interrupts a step when its time is over, and kills it if it does not heed that."""

    def __init__(self, process: subprocess.Popen[str], limit_s: float) -> None:
        self.is_due = False
        self._process = process
        self._timers = [Timer(limit_s, self._interrupt), Timer(limit_s + GRACE_S, _send, (process, signal.SIGKILL))]
        for timer in self._timers:
            timer.daemon = True
            timer.start()

    def cancel(self) -> None:
        """Let the step go on, or be ended as it is."""
        for timer in self._timers:
            timer.cancel()

    def _interrupt(self) -> None:
        self.is_due = True
        _send(self._process, signal.SIGINT)


def _send(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """Send a signal to a process and all that it has started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
