"""The command `simgpu`."""

from simgpu.cli.entry import main

__all__ = ["main"]
