"""Which version this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def installed_version() -> str:
    """Return the version of the installed package; `0+unknown` where simgpu runs without being installed."""
    try:
        return version("simgpu")
    except PackageNotFoundError:
        return "0+unknown"
