"""Times of operations alone, where the device is a GPU and the host computes: TensorFlow keeps int32 in host memory."""

from __future__ import annotations

from time import perf_counter, sleep

import numpy as np
import pytest

import simgpu as sg
from simgpu.execution.alone import execute_alone

host = pytest.importorskip("tests.cupy_on_host", reason="CuPy is not installed: pip install cupy-cuda13x")


def counted_and_scaled():
    """Return a graph on one GPU: integers that its kernels keep in host memory, and floats that they keep there."""
    builder = sg.GraphBuilder()
    on = {"device": "/gpu:0"}
    (n,) = sg.add_operation(builder, "Input", name="n", spec=sg.TensorSpec((2**16,), "int32"), **on)
    (x,) = sg.add_operation(builder, "Input", name="x", spec=sg.TensorSpec((2**16,), "float32"), **on)
    (twice,) = sg.add_operation(builder, "Add", [n, n], name="twice", **on)
    (scaled,) = sg.add_operation(builder, "Add", [x, x], name="scaled", **on)
    builder.fetch(twice=twice, scaled=scaled)
    return sg.place(builder.build(), sg.Machine("1 x 8MiB"), kernels="tensorflow")


def test_what_the_host_computes_for_a_gpu_has_the_time_of_the_host():
    placement, storage = counted_and_scaled(), host.host_storage()
    storage.driver.elapsed_ps = lambda *_: 0  # of a card that has nothing to do between two marks
    feeds = {"n": np.arange(2**16, dtype=np.int32), "x": np.ones(2**16, np.float32)}
    outputs, times, *_ = execute_alone(placement, feeds, storage)

    assert [placement.device_of(name)[-5:] for name in ("twice", "scaled")] == ["GPU:0", "GPU:0"]
    assert (times["twice"].launch_ps, times["twice"].compute_ps > 10**6) == (None, True)
    assert (times["scaled"].launch_ps > 10**6, times["scaled"].compute_ps) == (True, 0)
    np.testing.assert_array_equal(outputs["twice"], 2 * feeds["n"])


def test_the_launch_of_what_waits_for_the_card_is_timed_while_nothing_holds_it():
    placement, storage, held = counted_and_scaled(), host.host_storage(), [0.0]
    driver = storage.driver
    run = driver.run

    def waits(*arguments):
        sleep(max(0.0, held[0] - perf_counter()))
        return run(*arguments)

    driver.run = waits
    driver.hold = lambda stream, time_us: held.__setitem__(0, perf_counter() + 0.2)
    _, times, *_ = execute_alone(placement, {"n": np.ones(2**16, np.int32), "x": np.ones(2**16, np.float32)}, storage)

    assert held[0] > 0
    assert 0 < times["scaled"].launch_ps < 10**11  # not the 0.2 seconds for which the card was held


def test_the_span_of_an_operation_begins_behind_the_copies_that_it_waits_for():
    builder = sg.GraphBuilder()
    (x,) = sg.add_operation(builder, "Input", name="x", spec=sg.TensorSpec((64,), "float32"), device="/gpu:0")
    (y,) = sg.add_operation(builder, "Neg", [x], name="y", device="/gpu:0")
    (z,) = sg.add_operation(builder, "Abs", [y], name="z", device="/gpu:1")
    builder.fetch(z=z)
    placement, storage = sg.place(builder.build(), sg.Machine("2 x 8MiB")), host.host_storage(is_lazy=True)
    sg.execute(placement, {"x": np.ones(64, np.float32)}, storage=storage)
    log, happens_before = storage.driver.log, storage.driver.happens_before
    kernels = [number for number, work in enumerate(log) if work.what == "kernel"]

    assert len(kernels) == 2
    for kernel in kernels:
        start = next(work for work in log[kernel::-1] if work.what == "event" and work.stream == log[kernel].stream)
        (copy,) = (work for work in log if work.what == "copy" and work.writes[0][0] == log[kernel].reads[0][0])
        assert happens_before(copy, start)
