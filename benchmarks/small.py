"""Small operations: plain, and on a logical device; what the host does for each, and what the card.

Rounds alternate: in every second one plain comes first. While plain is timed, no device of simgpu's is open. An
overhead is the median, over all rounds, of what simgpu took longer in that round.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.counting import Counted, Counter
from benchmarks.measuring import Figure
from benchmarks.plain import Peer
from simgpu.arrays import Runtime
from simgpu.machine import Machine
from simgpu.storage import storage_named

Work = Callable[[], object]
OVERHEAD = "overhead over plain"
"""The end of the names of figures that have a limit."""
MACHINE = Machine("1 x 4GiB").split({"GPU:0": ["1GiB", "1GiB"]})
HELD_LAUNCHES = 100
"""Few enough for all of them to queue up on the card."""
HOLD_US = 20_000


@dataclass(frozen=True, slots=True)
class Small:
    """An operation on two arrays: with the module alone, and with simgpu's namespace."""

    name: str
    shape: tuple[int, ...]
    plain: Callable[[Any, Any, Any], object]
    ours: Callable[[Any, Any, Any], object]
    stays: bool = True
    """Whether all that it launches is on the stream of its inputs' device."""


SMALL = (
    Small("add of 1,000 float32", (1_000,), lambda m, x, y: m.add(x, y), lambda xp, x, y: xp.add(x, y)),
    Small("multiply", (1_000,), lambda m, x, y: m.multiply(x, y), lambda xp, x, y: xp.multiply(x, y)),
    Small("maximum", (1_000,), lambda m, x, y: m.maximum(x, y), lambda xp, x, y: xp.maximum(x, y)),
    Small("matmul of 64 x 64", (64, 64), lambda m, x, y: m.matmul(x, y), lambda xp, x, y: xp.matmul(x, y)),
    Small("sum of 1,000", (1_000,), lambda m, x, y: m.sum(x), lambda xp, x, y: xp.sum(x)),
    Small("copy to another device", (1_000,), lambda m, x, y: x.copy(), lambda xp, x, y: x.to_device("gpu:1"), False),
)
"""The plain copy is one into a new array: plain CuPy has one device on a card."""


@dataclass(slots=True)
class Times:
    """Microseconds of one operation, a number for each round: in all, and apart where there is a card."""

    total: list[float] = field(default_factory=list)
    host: list[float] = field(default_factory=list)
    card: list[float] = field(default_factory=list)
    has_waited: list[bool] = field(default_factory=list)


def small(peer: Peer, *, quick: bool) -> Iterator[Figure]:
    """Measure each operation, plain and on a logical device, and what was asked of CUDA meanwhile."""
    loops, rounds = (100, 3) if quick else (1_000, 9)
    plain, ours = ({it.name: Times() for it in SMALL} for _ in range(2))
    storage = storage_named(peer.storage)
    for number in range(rounds + 1):
        kept = number > 0  # the first round warms up
        turns = [lambda kept=kept: _plainly(peer, plain, loops, is_kept=kept)]
        turns.append(lambda kept=kept: _on_devices(peer, storage, ours, loops, is_kept=kept))
        for turn in turns if number % 2 else reversed(turns):
            turn()
    for it in SMALL:
        yield from _figures(it, plain[it.name], ours[it.name])
    yield from _counts(peer, storage, loops)


def _plainly(peer: Peer, times: Mapping[str, Times], loops: int, *, is_kept: bool) -> None:
    for it in SMALL:
        x, y = (peer.module.ones(it.shape, dtype=np.float32) for _ in range(2))
        work = partial(it.plain, peer.module, x, y)
        _time(work, peer, times[it.name], loops, is_kept=is_kept)
        if peer.driver is not None:
            stream = peer.driver.stream()
            with peer.driver.using(stream):
                _time_held(work, peer.driver, stream, times[it.name], is_kept=is_kept)


def _on_devices(peer: Peer, storage: Any, times: Mapping[str, Times], loops: int, *, is_kept: bool) -> None:
    with Runtime(MACHINE, storage=storage) as runtime:
        xp = runtime.xp()
        region: Any = runtime.memories[1].region
        for it in SMALL:
            x, y = (xp.ones(it.shape, dtype=xp.float32, device="gpu:0") for _ in range(2))
            work = partial(it.ours, xp, x, y)
            _time(work, peer, times[it.name], loops, is_kept=is_kept)
            if peer.driver is not None:
                _time_held(work, peer.driver, region.stream, times[it.name], is_kept=is_kept)


def _time(work: Work, peer: Peer, times: Times, loops: int, *, is_kept: bool) -> None:
    """Time a loop, with all that it launches."""
    work()
    peer.finish()
    start = perf_counter()
    for _ in range(loops):
        work()
    peer.finish()
    if is_kept:
        times.total.append((perf_counter() - start) / loops * 1e6)


def _time_held(work: Work, driver: Any, stream: Any, times: Times, *, is_kept: bool) -> None:
    """Time launches while the stream is kept busy: those on the host alone, then those on the card without gaps."""
    work()
    driver.finish(stream)
    driver.hold(stream, HOLD_US)
    begun = driver.record(stream, is_timed=True)
    start = perf_counter()
    for _ in range(HELD_LAUNCHES):
        work()
    host_us = (perf_counter() - start) / HELD_LAUNCHES * 1e6
    has_waited = driver.is_done(begun)
    ended = driver.record(stream, is_timed=True)
    driver.finish(stream)
    if is_kept:
        times.host.append(host_us)
        times.card.append(driver.elapsed_ps(begun, ended) / HELD_LAUNCHES / 1e6)
        times.has_waited.append(has_waited)


def _figures(small: Small, plain: Times, ours: Times) -> Iterator[Figure]:
    name = small.name
    over = [us - base for us, base in zip(ours.total, plain.total, strict=True)]
    yield Figure(f"{name}: plain", statistics.median(plain.total), "us", {"runs_us": plain.total})
    yield Figure(f"{name}: on a logical device", statistics.median(ours.total), "us", {"runs_us": ours.total})
    yield Figure(f"{name}: {OVERHEAD}", statistics.median(over), "us", {"runs_us": over})
    for who, times in (("plain", plain), ("on a logical device", ours)):
        if times.host:
            details = {"runs_us": times.host, "has_always_waited": all(times.has_waited)}
            yield Figure(f"{name}: launch on the host, {who}", statistics.median(times.host), "us", details)
        if times.card and small.stays:
            yield Figure(f"{name}: on the card, {who}", statistics.median(times.card), "us", {"runs_us": times.card})


def _counts(peer: Peer, storage: Any, loops: int) -> Iterator[Figure]:
    """Tell what is asked of CUDA by operations that have run before, and what memory stays taken."""
    counter = Counter(peer)
    with Runtime(MACHINE, storage=storage) as runtime:
        xp = runtime.xp()
        x, y = (xp.ones((64, 64), dtype=xp.float32, device="gpu:0") for _ in range(2))
        _each(xp, x, y)
        peer.finish()
        before = peer.held_bytes()
        with counter.counting() as counted:
            for _ in range(loops):
                _each(xp, x, y)
            found: Counted = counted()
        peer.finish()
        grown_bytes = peer.held_bytes() - before
    unsteady = found.unsteady()
    if counter.can_tell:
        yield from found.figures(f"in {loops:,} of each")
        unsteady += [f"the card hold {grown_bytes} B more"] if grown_bytes else []
    yield Figure(f"memory taken by {loops:,} of each", grown_bytes, "B", {"unsteady": unsteady})


def _each(xp: Any, x: Any, y: Any) -> None:
    for it in SMALL:
        it.ours(xp, x, y)
