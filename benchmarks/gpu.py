"""What simgpu costs on one device, beside the same array module without it: `python -m benchmarks.gpu OUT.json`.

On a card it is CuPy; `--storage numpy` rehearses it with NumPy. Where the storage cannot be used, the file says why,
and the exit status is 0. It is 1 where overheads exceed the limits given, once all figures are written.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.measuring import Figure
from benchmarks.plain import Counter, Peer, peer_of, plain_loop
from simgpu.arrays import Runtime
from simgpu.execution import execute
from simgpu.machine import Machine
from simgpu.placement import Placement, place
from simgpu.readers import read_onnx
from simgpu.session import make_feeds
from simgpu.storage import Storage

SIZE = 1_000
LIMIT = "1 x 8GiB"
OVERHEAD, OVER_PLAIN = "overhead over plain, new array", "executed, from feed to fetch, over plain"
"""The figures that have limits, by their name and by its end."""
NOT_GOOD_ENOUGH = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table, write a file; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("out", type=Path, help="where the figures go, as JSON")
    parser.add_argument("--storage", choices=("cupy", "numpy"), default="cupy")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, batch 1")
    parser.add_argument("--most-slowdown", type=float, metavar="PERCENT", help="fail if a model takes longer by more")
    parser.add_argument(
        "--most-overhead", type=float, metavar="US", help="fail if a small addition takes longer by more"
    )
    choice = parser.parse_args(arguments)
    peer = peer_of(choice.storage)
    if isinstance(peer, str):
        print(f"skipped: {peer}")
        _write(choice.out, {"skipped": peer})
        return 0
    print(f"on {peer.device}, {peer.storage} storage")
    found: list[Figure] = []
    for figure in (*eager(peer, quick=choice.quick), *model(peer, quick=choice.quick)):
        print(f"{figure.what:<64} {figure.value:>12,.3f} {figure.unit}", flush=True)
        found.append(figure)
    figures = [{**it._asdict(), "value": round(it.value, 6), "details": dict(it.details)} for it in found]
    complaints = [*exceeded(found, choice.most_slowdown, choice.most_overhead)]
    record = {"device": peer.device, "storage": peer.storage, "figures": figures, "complaints": complaints}
    _write(choice.out, record, peer)
    for complaint in complaints:
        print(f"Not good enough: {complaint}.")
    return NOT_GOOD_ENOUGH if complaints else 0


def exceeded(figures: Sequence[Figure], slowdown_percent: float | None, overhead_us: float | None) -> Iterator[str]:
    """Say which limits the figures exceed. None is no limit."""
    for figure in figures:
        if slowdown_percent is not None and figure.what.endswith(OVER_PLAIN):
            percent = 100 * (figure.value - 1)
            if percent > slowdown_percent:
                yield f"{figure.what}: {percent:.1f} % longer, the limit is {slowdown_percent:g} %"
        if overhead_us is not None and figure.what == OVERHEAD and figure.value > overhead_us:
            yield f"{figure.what}: {figure.value:.1f} us, the limit is {overhead_us:g} us"


def eager(peer: Peer, *, quick: bool) -> Iterator[Figure]:
    """Measure additions of two small vectors: plain, and on a logical device; and what they take of the card."""
    loops, runs = (200, 5) if quick else (1_000, 30)
    plain = [peer.module.ones(SIZE, dtype=np.float32) for _ in range(3)]
    new_us = _least_us(lambda: peer.module.add(plain[0], plain[1]), peer, loops, runs)
    into_us = _least_us(lambda: peer.module.add(plain[0], plain[1], out=plain[2]), peer, loops, runs)
    yield Figure(f"plain add of {SIZE:,} float32, into a new array", new_us, "us")
    yield Figure("plain add, into an array that is there", into_us, "us")
    with Runtime("1 x 2GiB", storage=peer.storage) as runtime:
        xp = runtime.xp()
        x, y = xp.ones(SIZE, dtype=xp.float32), xp.ones(SIZE, dtype=xp.float32)
        assert x.device.endswith("GPU:0"), x.device
        ours_us = _least_us(lambda: xp.add(x, y), peer, loops, runs)
        before = peer.held_bytes()
        counter = Counter(peer)
        with counter.here():
            _least_us(lambda: xp.add(x, y), peer, loops, 1)
        grown_bytes = peer.held_bytes() - before
    yield Figure("the same on a logical device", ours_us, "us")
    yield Figure(OVERHEAD, ours_us - new_us, "us", {"ratio": ours_us / new_us})
    yield from _allocations(counter, f"in {loops:,} such additions")
    yield Figure(f"memory taken by {loops:,} such additions", grown_bytes, "B")


def model(peer: Peer, *, quick: bool) -> Iterator[Figure]:
    """Measure ResNet-50: its kernels in a plain loop, and by the engine on one logical device."""
    batch = 1 if quick or peer.storage == "numpy" else 32
    runs = 2 if quick else 5
    graph = read_onnx("light_resnet50", batch=batch)
    feeds = make_feeds(graph, seed=7)
    plain = _seconds(plain_loop(peer, graph, feeds), peer, runs)
    _forget(peer)
    placement = place(graph, Machine(LIMIT))
    counter = Counter(peer)
    storage = counter.storage(peer.storage)
    _executions(peer, storage, placement, feeds, 1)  # warms up
    if counter.sizes_bytes:
        counter.sizes_bytes.clear()
    before = peer.held_bytes()
    calls, makespans = _executions(peer, storage, placement, feeds, runs)
    grown_bytes = peer.held_bytes() - before
    plain_ms, call_ms, makespan_ms = (1e3 * statistics.median(times) for times in (plain, calls, makespans))
    named = f"ResNet-50, batch {batch}"
    yield Figure(f"{named}: its kernels in a plain loop", plain_ms, "ms", {"runs_ms": [1e3 * it for it in plain]})
    yield Figure(
        f"{named}: executed, from feed to fetch", makespan_ms, "ms", {"runs_ms": [1e3 * it for it in makespans]}
    )
    yield Figure(f"{named}: executed, with devices opened and variables filled", call_ms, "ms")
    yield Figure(f"{named}: {OVER_PLAIN}", makespan_ms / plain_ms, "x")
    yield from _allocations(counter, f"where {runs} runs compute")
    yield Figure(f"memory still taken after {runs} runs more", grown_bytes, "B")


def _allocations(counter: Counter, where: str) -> Iterator[Figure]:
    """Tell how often memory was taken of the card, other than by opening devices; nothing where that is unknown."""
    sizes_bytes = counter.sizes_bytes
    if sizes_bytes is not None:
        yield Figure(f"cudaMalloc by CuPy's pools {where}", len(sizes_bytes), "calls", {"bytes": sum(sizes_bytes)})


def _executions(
    peer: Peer, storage: Storage, placement: Placement, feeds: Mapping[str, Any], runs: int
) -> tuple[list[float], list[float]]:
    """Return the seconds of calls of `execute`, and of the runs in their traces."""
    calls, makespans = [], []
    for _ in range(runs):
        start = perf_counter()
        _, trace = execute(placement, feeds, storage=storage)
        peer.finish()
        calls.append(perf_counter() - start)
        makespans.append(trace.makespan_ps / 1e12)
    return calls, makespans


def _seconds(work: Callable[[], object], peer: Peer, runs: int) -> list[float]:
    """Return the seconds of runs, each with all that it launches, after one to warm up."""
    times = []
    for _ in range(1 + runs):
        start = perf_counter()
        work()
        peer.finish()
        times.append(perf_counter() - start)
    return times[1:]


def _least_us(work: Callable[[], object], peer: Peer, loops: int, runs: int) -> float:
    """Return the least time of one call in a loop, with what is launched done: all else can only make it larger."""

    def loop() -> None:
        for _ in range(loops):
            work()

    return min(_seconds(loop, peer, runs)) / loops * 1e6


def _forget(peer: Peer) -> None:
    """Give back what the plain loop has left in CuPy's own pool."""
    if peer.storage == "cupy":
        peer.module.get_default_memory_pool().free_all_blocks()


def _write(path: Path, found: dict[str, Any], peer: Peer | None = None) -> None:
    record = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "system": platform.platform(),
        "versions": {"python": platform.python_version(), "numpy": version("numpy"), **(peer.versions if peer else {})},
        **found,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
