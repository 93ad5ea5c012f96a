"""One scenario through both engines: read, place, simulate, execute, compare."""

from simgpu.session.feeds import make_feeds
from simgpu.session.result import Engine, RunResult
from simgpu.session.running import ENGINES, OnProgress, place_scenario, read_graph, run

__all__ = [
    "ENGINES",
    "Engine",
    "OnProgress",
    "RunResult",
    "make_feeds",
    "place_scenario",
    "read_graph",
    "run",
]
