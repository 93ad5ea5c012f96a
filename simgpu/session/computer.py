"""How much memory this computer has left, and how much of it an execution would take.

Linux gives memory when it is touched, and ends processes when there is none left. So whether a run fits is asked before
it starts.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from simgpu.placement import Placement
from simgpu.session.feeds import feed_bytes
from simgpu.trace import Trace

_CGROUP_FILES = (
    # kind in /proc/self/cgroup, where it is mounted, limit, usage, and what of the usage can be had back at once
    (":memory:", "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ("0::", "", "memory.max", "memory.current", "inactive_file"),
)


def needed_bytes(placement: Placement, predicted: Trace, *, is_complete: bool) -> int:
    """Return about how much memory an execution takes: what devices hold at their peaks, feeds, and results.

    Scratch memory of kernels is not counted.
    """
    graph = placement.graph
    results = sum(graph.tensor_spec(tensor).nbytes for tensor in graph.fetches) if is_complete else 0
    return feed_bytes(placement) + sum(map(predicted.peak_bytes, range(len(predicted.devices)))) + results


def most_bytes(placement: Placement) -> int:
    """Return what no execution goes beyond: feeds, results, and every tensor on every device that is used."""
    tensors = sum(spec.nbytes for operation in placement.graph for spec in operation.output_specs)
    hosts = {placement.machine.host_device(device) for device in placement.devices}
    return feed_bytes(placement) + tensors * (1 + len({*placement.devices, *hosts}))


def available_bytes(root: Path = Path("/")) -> int | None:
    """Return the memory that this process can still take; None where the system does not say."""
    free = [*_system_bytes(root), *_cgroup_bytes(root)]
    return min(free, default=None)


def _system_bytes(root: Path) -> Iterator[int]:
    """Yield what the system can give: Linux counts files that it can drop in `MemAvailable`, `sysconf` does not."""
    found = re.search(r"^MemAvailable:\s+([0-9]+) kB", _text(root / "proc/meminfo"), re.MULTILINE)
    if found:
        yield int(found[1]) * 1024
        return
    with contextlib.suppress(OSError, ValueError, AttributeError):
        yield os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _cgroup_bytes(root: Path) -> Iterator[int]:
    """Yield what is left under each memory limit of this process's control group and of those around it."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        for kind, mount, limit_file, usage_file, reclaimable in _CGROUP_FILES:
            _, is_kind, path = line.partition(kind)
            if not is_kind:
                continue
            group = PurePosixPath(path)
            for part in (group, *group.parents):
                folder = root / "sys/fs/cgroup" / mount / str(part).lstrip("/")
                limit, usage = _text(folder / limit_file).strip(), _text(folder / usage_file).strip()
                if limit.isdecimal() and usage.isdecimal():
                    found = re.search(rf"^{reclaimable} ([0-9]+)$", _text(folder / "memory.stat"), re.MULTILINE)
                    yield max(0, int(limit) - int(usage) + (int(found[1]) if found else 0))


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, ValueError):
        return ""
