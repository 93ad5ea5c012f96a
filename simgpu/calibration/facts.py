"""What is known of a device without measuring: its name, driver, and the versions of what runs on it."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distributions, version
from typing import NamedTuple

from simgpu.costs.measured_records import DeviceFacts
from simgpu.storage import Storage, available_host_bytes
from simgpu.units import MiB

_QUERY = ("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
_LIBRARIES = ("simgpu", "numpy")
_SECONDS = 20


class _Card(NamedTuple):
    """What is known of the card behind a storage."""

    name: str
    driver: str
    memory_bytes: int
    versions: Mapping[str, str]


def device_facts(storage: Storage, memory_bytes: int) -> DeviceFacts:
    """Return the facts of the device behind a storage. `memory_bytes` stands for what nobody tells."""
    processor = _Card(_processor(), "", memory_bytes, {})
    device = _card(storage, memory_bytes) if storage.is_asynchronous else processor
    return DeviceFacts(
        name=device.name,
        kind="GPU" if storage.is_asynchronous else "CPU",
        storage=storage.name,
        is_asynchronous=storage.is_asynchronous,
        memory_bytes=device.memory_bytes,
        cores=os.cpu_count() or 1,
        driver=device.driver,
        versions={**_versions(), **device.versions},
        date=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _card(storage: Storage, memory_bytes: int) -> _Card:
    """Return what CUDA says of the very card that a storage uses."""
    driver = getattr(storage, "driver", None)
    if driver is None:
        return _Card("unknown GPU", "", memory_bytes, {})
    facts, (_, total_bytes) = driver.facts(), driver.memory_info()
    version = _driver_version(facts.get("pci_bus_id", "")) or f"for CUDA {_dotted(facts['driver'])}"
    return _Card(facts["name"], version, total_bytes, {"cuda": _dotted(facts["cuda"])})


def _driver_version(pci_bus_id: str) -> str:
    """Return the driver's version as nvidia-smi tells it for a card; nothing where it does not."""
    if not pci_bus_id:
        return ""
    try:
        asked = (*_QUERY, f"--id={pci_bus_id}")
        return subprocess.run(asked, capture_output=True, text=True, timeout=_SECONDS, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _dotted(version: str) -> str:
    """Return a version of CUDA, which it gives as 1000 times the major and 10 times the minor number, with a dot."""
    major, rest = divmod(int(version), 1000)
    return f"{major}.{rest // 10}"


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
    """Return how much memory of this computer is left, or 1 GiB if nobody tells."""
    found = available_host_bytes()
    return 1024 * MiB if found is None else found
