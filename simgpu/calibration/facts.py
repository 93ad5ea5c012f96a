"""What is known of a device without measuring: its name, driver, and the versions of what runs on it."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distributions, version

from simgpu.costs.measured_records import DeviceFacts
from simgpu.storage import Storage
from simgpu.units import MiB

_QUERY = ("nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader,nounits")
_LIBRARIES = ("simgpu", "numpy")
_SECONDS = 20


def device_facts(storage: Storage, memory_bytes: int) -> DeviceFacts:
    """Return the facts of the device behind a storage. `memory_bytes` stands for what nobody tells."""
    name, driver, found_bytes = _card() if storage.is_asynchronous else ("", "", 0)
    return DeviceFacts(
        name=name or _processor(),
        kind="GPU" if name else "CPU",
        storage=storage.name,
        is_asynchronous=storage.is_asynchronous,
        memory_bytes=found_bytes or memory_bytes,
        cores=os.cpu_count() or 1,
        driver=driver,
        versions=_versions(),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _card() -> tuple[str, str, int]:
    """Return name, driver and memory of the first card that nvidia-smi tells of."""
    try:
        answer = subprocess.run(_QUERY, capture_output=True, text=True, timeout=_SECONDS, check=True).stdout
        name, driver, memory = (part.strip() for part in answer.splitlines()[0].split(","))
        return name, driver, int(memory) * MiB
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return "unknown GPU", "", 0


def _processor() -> str:
    """Return the model of this computer's CPU, as Linux tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            lines = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        lines = []
    return lines[0] if lines else platform.machine() or "unknown CPU"


def _versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that compute, CuPy among them under whatever name."""
    cupy = sorted({str(found.name) for found in distributions() if str(found.name).startswith("cupy")})
    versions = {"python": platform.python_version()}
    for library in (*_LIBRARIES, *cupy):
        try:
            versions[library] = version(library)
        except PackageNotFoundError:
            continue
    return versions


def free_host_bytes() -> int:
    """Return how much memory of this computer is free, or 1 GiB if nobody tells."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 1024 * MiB
