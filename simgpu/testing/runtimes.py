"""The runtimes of one test: its own, which is the default one meanwhile, and any others that it makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simgpu.arrays import Runtime
from simgpu.arrays.default import set_default_runtime
from simgpu.machine import Machine
from simgpu.naming import short_name
from simgpu.testing.settings import Settings
from simgpu.units import format_size

_MOST_SHOWN = 5


class Runtimes:
    """Makes and closes the runtimes of one test. Called, it returns one: see the fixture `simgpu_runtime`."""

    def __init__(self, settings: Settings) -> None:
        self.has_passed = False
        self._settings = settings
        self.own = Runtime(settings.machine, storage=settings.storage)
        self._made = [self.own]
        self._default_before = set_default_runtime(self.own)

    def __call__(self, machine: Machine | str | Mapping[str, object] | None = None, **options: Any) -> Runtime:
        """Return the test's own runtime, or, with a machine or options of `Runtime`, one more."""
        if machine is None and not options:
            return self.own
        options = {"storage": self._settings.storage, **options}
        self._made.append(Runtime(self.own.described if machine is None else machine, **options))
        return self._made[-1]

    def leaks(self) -> str:
        """Say what is alive: `GPU:0 holds 1 KiB in 2 blocks: ones 512 B, add 512 B`; empty if nothing is.

        Starts no runtime; those that are closed count, too.
        """
        memories = [memory for runtime in self._made if runtime.is_started for memory in runtime.memories]
        held = [(short_name(memory.device.name), memory.live_owners()) for memory in memories]
        return "; ".join(_described(device, blocks) for device, blocks in held if blocks)

    def close(self) -> None:
        """Close all runtimes, and bring back the default one."""
        set_default_runtime(self._default_before)
        for runtime in self._made:
            runtime.close()


def _described(device: str, blocks: list[tuple[str, int]]) -> str:
    total = format_size(sum(size for _, size in blocks))
    largest = sorted(blocks, key=lambda block: -block[1])
    shown = [f"{owner} {format_size(size)}" for owner, size in largest[:_MOST_SHOWN]]
    more = [f"{len(blocks) - _MOST_SHOWN} more"] if len(blocks) > _MOST_SHOWN else []
    count = "1 block" if len(blocks) == 1 else f"{len(blocks)} blocks"
    return f"{device} holds {total} in {count}: {', '.join(shown + more)}"
