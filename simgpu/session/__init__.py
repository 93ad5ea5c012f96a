"""One scenario through both engines: read, place, simulate, execute, compare."""

from simgpu.session.executing import CLOCKS, Clock, execute
from simgpu.session.feeds import make_feeds
from simgpu.session.result import Engine, RunResult
from simgpu.session.running import ENGINES, OnProgress, place_scenario, read_graph, run

__all__ = [
    "CLOCKS",
    "ENGINES",
    "Clock",
    "Engine",
    "OnProgress",
    "RunResult",
    "execute",
    "make_feeds",
    "place_scenario",
    "read_graph",
    "run",
]
