"""ResNet-50 on one logical device, beside its kernels in a plain loop, and beside straight code of the module.

Rounds alternate as in `benchmarks.small`. What is compared is the time from the first feed to the last fetch; weights
are there already. The memory of devices is kept from one run to the next.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from time import perf_counter
from typing import Any

from benchmarks.counting import Counter
from benchmarks.measuring import Figure
from benchmarks.plain import Peer, plain_loop
from benchmarks.straight import straight_loop
from simgpu.execution import execute
from simgpu.graph import Graph
from simgpu.machine import Machine
from simgpu.placement import Placement, place
from simgpu.readers import read_onnx
from simgpu.session import make_feeds
from simgpu.storage import CupyStorage, Storage, storage_named

LIMIT = "1 x 8GiB"
OVER_PLAIN = "executed, from feed to fetch, over the plain loop"
"""The end of the name of the figure that has a limit."""


def network(peer: Peer, *, quick: bool) -> Iterator[Figure]:
    """Measure ResNet-50 in all three ways, and what was asked of CUDA meanwhile."""
    batch = 1 if quick or peer.driver is None else 32
    rounds = 2 if quick else 6
    graph = read_onnx("light_resnet50", batch=batch)
    feeds = make_feeds(graph, seed=7)
    counter = Counter(peer)
    storage = counter.storage(storage_named(peer.storage))
    placement = place(graph, Machine(LIMIT))
    loops = _loops(peer, graph, feeds)
    seconds: dict[str, list[float]] = {"executed": [], "call": [], **{name: [] for name in loops}}
    turns = [partial(_loop, seconds, name, work, peer) for name, work in loops.items()]
    turns.append(partial(_execution, seconds, storage, placement, feeds, peer))
    with storage.kept_open() if isinstance(storage, CupyStorage) else nullcontext():
        for turn in turns:
            turn()
        for times in seconds.values():
            times.clear()  # that was to warm up
        before = peer.held_bytes()
        with counter.counting(here=False) as counted:
            for number in range(rounds):
                for turn in turns if number % 2 else reversed(turns):
                    turn()
            found = counted()
        grown_bytes = peer.held_bytes() - before
    yield from _figures(f"ResNet-50, batch {batch}", seconds)
    if counter.can_tell:
        yield from found.figures(f"in {rounds} runs", {"unsteady": found.unsteady()})
    yield Figure(f"memory taken by {rounds} rounds more", grown_bytes, "B")


def _loops(peer: Peer, graph: Graph, feeds: Mapping[str, Any]) -> dict[str, Callable[[], object]]:
    return {"plain": plain_loop(peer, graph, feeds), "straight": straight_loop(peer, graph, feeds)}


def _loop(seconds: dict[str, list[float]], name: str, work: Callable[[], object], peer: Peer) -> None:
    start = perf_counter()
    work()
    peer.finish()
    seconds[name].append(perf_counter() - start)


def _execution(
    seconds: dict[str, list[float]], storage: Storage, placement: Placement, feeds: Mapping[str, Any], peer: Peer
) -> None:
    start = perf_counter()
    _, trace = execute(placement, feeds, storage=storage)
    peer.finish()
    seconds["call"].append(perf_counter() - start)
    seconds["executed"].append(trace.makespan_ps / 1e12)


def _figures(name: str, seconds: Mapping[str, Sequence[float]]) -> Iterator[Figure]:
    told = {
        "plain": "its kernels in a plain loop",
        "straight": "straight code of the module, without simgpu's kernels",
        "executed": "executed, from feed to fetch",
        "call": "executed, with variables filled",
    }
    for way, what in told.items():
        runs_ms = [1e3 * it for it in seconds[way]]
        yield Figure(f"{name}: {what}", statistics.median(runs_ms), "ms", {"runs_ms": runs_ms})
    for way, what in (("plain", OVER_PLAIN), ("straight", "executed, from feed to fetch, over straight code")):
        ratios = [ours / base for ours, base in zip(seconds["executed"], seconds[way], strict=True)]
        yield Figure(f"{name}: {what}", statistics.median(ratios), "x", {"runs": ratios})
