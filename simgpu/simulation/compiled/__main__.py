"""Make the machine code of the compiled engine now, so that no run has to wait for it: `python -m` this package."""

from simgpu.simulation.compiled.engine import run_compiled
from simgpu.simulation.workload import Resources, Workload, ints

if __name__ == "__main__":
    none = ints()
    nothing = Workload(
        resources=Resources(),
        kind=none,
        amount=none,
        where=none,
        parts=none,
        rank=none,
        release_ps=none,
        rate_cap=none,
        out_gate=none,
        in_gate=none,
        launcher=none,
        launch_ps=none,
        follower_starts=ints(0),
        followers=none,
    )
    run_compiled(nothing, links="fair", launch="async")
