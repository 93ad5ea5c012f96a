"""Random cases of links, transfers and computations, of the kinds that were recorded.

Where order of arrival decides (devices, locks), sizes and durations are so odd that no two arrivals fall together by
chance: a picosecond of rounding would then choose between two futures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Case = dict[str, Any]
Draw = np.random.Generator


def flows(draw: Draw) -> Case:
    """Draw flows over some links, with releases, latencies, limits and fat pipes."""
    links = _links(draw, int(draw.integers(1, 7)), policies=("shared", "shared", "shared", "fatpipe"))
    return _case("flows", links, [_transfer(draw, f"f{n}", links) for n in range(draw.integers(1, 13))])


def graphs(draw: Draw) -> Case:
    """Draw computations on devices that take one at a time, and what moves between them over their ports."""
    devices = [f"d{number}" for number in range(draw.integers(2, 5))]
    links = {f"{device} {way}": _link(draw) for device in devices for way in ("out", "in")}
    operations: list[Any] = []
    on: dict[str, str] = {}
    for number in range(draw.integers(3, 12)):
        name, device, after = f"c{number}", str(draw.choice(devices)), []
        for parent in draw.permutation(list(on))[: draw.integers(0, 3)].tolist():
            if on[parent] == device:
                after.append(parent)
                continue
            after.append(f"{parent} to {name}")
            route = [f"{on[parent]} out", f"{device} in"]
            operations.append(_transfer(draw, after[-1], links) | {"route": route, "after": [parent]})
        operations.append(_compute(draw, name, device) | {"after": after})
        on[name] = device
    return _case("graphs", links, operations)


def locks(draw: Draw) -> Case:
    """Draw transfers some of which have a link to themselves, one after the other."""
    links = _links(draw, int(draw.integers(1, 4)))
    operations = [_transfer(draw, f"f{number}", links) for number in range(draw.integers(2, 10))]
    for number, operation in enumerate(operations):
        operation |= {"lock": operation["route"][0]} if draw.random() < 0.7 else {}
        operation["after"] = [f"f{int(draw.integers(number))}"] if number and draw.random() < 0.3 else []
    return _case("locks", links, operations)


def rings(draw: Draw) -> Case:
    """Draw a ring all-reduce over unequal links, with other traffic."""
    count = int(draw.integers(2, 6))
    links = {f"l{number}": _link(draw) for number in range(count)}
    size, latency = _size(draw), _time(draw) / 100
    operations = [
        _transfer(draw, f"s{step} {node}", links)
        | {"route": [f"l{node}"], "bytes": size, "lat": latency, "start": 0.0, "rate_cap": 0}
        | {"after": [f"s{step - 1} {(node - 1) % count}"] if step else []}
        for step in range(2 * (count - 1))
        for node in range(count)
    ]
    return _case("rings", links, operations + [_transfer(draw, f"other {n}", links) for n in range(draw.integers(3))])


def cores(draw: Draw) -> Case:
    """Draw computations that share devices equally, some after others."""
    operations: list[Any] = []
    for number in range(draw.integers(2, 10)):
        operation = _compute(draw, f"c{number}", f"d{draw.integers(3)}") | {"type": "compute_ps"}
        after = [f"c{int(draw.integers(number))}"] if number and draw.random() < 0.4 else []
        operations.append(operation | {"start": _time(draw), "after": after})
    return _case("cores", {}, operations)


KINDS: dict[str, Callable[[Draw], Case]] = {drawn.__name__: drawn for drawn in (flows, graphs, locks, rings, cores)}


def _case(name: str, links: Case, operations: list[Any]) -> Case:
    return {"name": name, "links": links, "ops": operations}


def _links(draw: Draw, count: int, policies: tuple[str, ...] = ("shared",)) -> Case:
    return {f"l{number}": _link(draw) | {"policy": str(draw.choice(policies))} for number in range(count)}


def _link(draw: Draw) -> Case:
    return {"bw": int(draw.integers(10**6, 10**9)), "lat": 0.0, "policy": "shared"}


def _transfer(draw: Draw, name: str, links: Case) -> Case:
    route = draw.permutation(list(links))[: draw.integers(1, len(links) + 1)].tolist()
    cap = int(draw.integers(10**6, 10**8)) if draw.random() < 0.2 else 0
    start, latency = (_time(draw) if draw.random() < 0.5 else 0.0 for _ in range(2))
    return {
        "id": name,
        "type": "xfer",
        "route": route,
        "bytes": _size(draw),
        "after": [],
        "start": start,
        "lat": latency,
        "rate_cap": cap,
    }


def _compute(draw: Draw, name: str, device: str) -> Case:
    return {"id": name, "type": "compute", "device": device, "dur": _time(draw), "after": [], "start": 0.0}


def _size(draw: Draw) -> float:
    """Draw a size from 1 kB to 100 MB, one in three of them not whole."""
    size = 10 ** draw.uniform(3, 8)
    return round(size * 4) / 4 if draw.random() < 1 / 3 else float(round(size))


def _time(draw: Draw) -> float:
    return float(10 ** draw.uniform(-4, 0.5))
