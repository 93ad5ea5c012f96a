"""Run a workload in machine code."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from simgpu.errors import MissingDependency
from simgpu.simulation.compiled.covering import LIMIT_PS, NotCovered, why_not_covered
from simgpu.simulation.compiled.memory import Memory
from simgpu.simulation.compiled.records import Run
from simgpu.simulation.timeline import Timeline
from simgpu.simulation.workload import LaunchMode, LinkPolicyName, Workload

_INSTANTS = 2**13
"""How many pass between two reports of progress, and before an interruption is heard."""


def is_installed() -> bool:
    """Tell whether there is a Numba, without loading it."""
    return find_spec("numba") is not None


def is_made() -> bool:
    """Tell whether machine code of an earlier use lies on disk."""
    return any(Path(__file__).parent.glob("__pycache__/play.*.nbc"))


def run_compiled(
    workload: Workload,
    *,
    links: LinkPolicyName,
    launch: LaunchMode,
    on_progress: Callable[[int, int], None] | None = None,
) -> Timeline:
    """Let it run until nothing happens any more. Tasks that could never start are left in the timeline.

    Raises NotCovered where a number gets too large, and MissingDependency without Numba.
    """
    if why := why_not_covered(workload):
        raise NotCovered(why)
    play = _play()
    memory = Memory(workload, links=links, launch=launch)
    with suppress(OSError):  # the machine code could not be kept on disk; it is there all the same
        play(memory.run, 0)
    has_more = True
    while has_more:
        has_more = play(memory.run, _INSTANTS)
        if on_progress:
            on_progress(int(memory.run["finished"]), len(workload))
    if memory.run["is_beyond"]:
        raise NotCovered(f"it comes to times beyond {LIMIT_PS} ps")
    return memory.timeline()


def _play() -> Callable[[Run, int], bool]:
    try:
        from simgpu.simulation.compiled.play import play
    except ImportError as error:
        raise MissingDependency(
            "the compiled engine needs Numba: pip install 'simgpu[fast]'; or run with engine='simpy'"
        ) from error
    return play
