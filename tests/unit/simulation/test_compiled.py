"""Which engine runs a workload, and what is said where the compiled one cannot."""

import sys

import pytest

from simgpu.errors import MissingDependency
from simgpu.simulation import run, running
from simgpu.simulation.compiled import NotCovered, why_not_covered
from simgpu.units import PS_PER_S
from tests.engines import COMPILED
from tests.unit.simulation.sketches import Sketch


@pytest.fixture
def workload():
    sketch = Sketch()
    sketch.move(sketch.link(PS_PER_S), 7)
    return sketch.workload()


def too_long():
    sketch = Sketch()
    sketch.delay(2**61)
    return sketch.workload()


@pytest.fixture
def compiled(monkeypatch):
    """Note which workloads the compiled engine is given."""
    given = []
    monkeypatch.setattr(running, "run_compiled", lambda workload, **_: given.append(workload))
    return given


def test_without_numba_the_extra_to_install_is_named(workload, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("simgpu.simulation.compiled.")]:
        if name.endswith((".play", ".jit", ".arrays", ".instants", ".tasks")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "numba", None)

    with pytest.raises(MissingDependency) as caught:
        run(workload, engine="compiled")

    assert str(caught.value) == (
        "the compiled engine needs Numba: pip install 'simgpu[fast]'; or run with engine='simpy'"
    )


@COMPILED
def test_times_beyond_64_bits_are_refused_if_the_compiled_engine_is_asked_for_and_left_to_simpy_if_not(monkeypatch):
    monkeypatch.setattr(running, "_WORTH_LOADING", 0)
    with pytest.raises(NotCovered) as caught:
        run(too_long(), engine="compiled")

    assert str(caught.value) == (
        "the compiled engine does not cover this workload: amount of DELAY[0] is 2305843009213693952, beyond "
        "1152921504606846976; run it with engine='simpy'"
    )
    assert run(too_long()).makespan_ps == 2**61


@COMPILED
@pytest.mark.parametrize(
    ("tasks", "is_made", "is_taken"),
    [(99_999, True, False), (100_000, True, True), (100_000, False, False), (4_000_000, False, True)],
)
def test_auto_takes_the_compiled_engine_where_that_pays(tasks, is_made, is_taken, workload, compiled, monkeypatch):
    monkeypatch.setattr(running, "is_made", lambda: is_made)
    monkeypatch.setattr(type(workload), "__len__", lambda _: tasks)

    assert running._is_worth_compiling(workload) is is_taken


@COMPILED
def test_it_tells_of_progress(workload):
    told = []
    run(workload, engine="compiled", on_progress=lambda done, total: told.append((done, total)))

    assert told[-1] == (1, 1)


def test_it_covers_what_it_can_compute_exactly(workload):
    assert why_not_covered(workload) is None
