"""How much memory this computer has left.

Linux gives memory when it is touched, and ends processes when there is none left. So whether something fits is asked
before it begins.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_CGROUP_FILES = (
    # kind in /proc/self/cgroup, where it is mounted, limit, usage, and what of the usage can be had back at once
    (":memory:", "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ("0::", "", "memory.max", "memory.current", "inactive_file"),
)


def available_host_bytes(root: Path = Path("/")) -> int | None:
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
