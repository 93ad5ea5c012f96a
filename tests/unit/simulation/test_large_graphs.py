"""Large graphs: what is kept for each operation is bounded, so that a million of them fit in a gigabyte."""

import gc
import math
import tracemalloc

import pytest

from benchmarks.million import BOX, chains, in_a_process, make_engine
from simgpu.placement import place
from simgpu.simulation import simulate

OPERATIONS = 5_000


def traced(work):
    """Return what a piece of work gives, what that takes in bytes, and the most that was taken on the way."""
    tracemalloc.start()
    try:
        result = work()
        gc.collect()
        return result, *tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()


def test_a_graph_and_its_placement_take_few_bytes_for_each_operation():
    graph, graph_bytes, _ = traced(lambda: chains(OPERATIONS))
    _, placed_bytes, peak_bytes = traced(lambda: place(graph, BOX))

    assert 270 <= graph_bytes / OPERATIONS < 450  # of which 270 are for the attributes that `chains` gives to each
    assert placed_bytes / OPERATIONS < 30
    assert peak_bytes / OPERATIONS < 300


@pytest.mark.parametrize(("engine", "most_bytes"), [("compiled", 800), ("simpy", 1000)])
def test_a_simulation_takes_few_bytes_for_each_operation(engine, most_bytes):
    if engine == "compiled":
        pytest.importorskip("numba", reason="the compiled engine needs Numba")
    placement = place(chains(OPERATIONS), BOX)
    simulate(place(chains(10), BOX), engine=engine)  # loads what is loaded once
    trace, trace_bytes, peak_bytes = traced(lambda: simulate(placement, engine=engine))

    assert len(trace.spans) > 2 * OPERATIONS
    assert trace_bytes / OPERATIONS < 260
    assert peak_bytes / OPERATIONS < most_bytes


@pytest.mark.slow
def test_a_million_operations_fit_in_a_gigabyte_and_take_little_more_time_each_than_few_do():
    pytest.importorskip("numba", reason="a graph of this size is for the compiled engine")
    make_engine()
    few, many = in_a_process(100_000), in_a_process(1_000_000)
    growth = many["simulate"] / few["simulate"]

    assert many["spans"] > 2_000_000
    assert many["peak_bytes"] < 2**30
    assert growth < 1.5 * 10 * math.log(1_000_000) / math.log(100_000)
