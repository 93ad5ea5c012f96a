"""Whatever runs eagerly becomes a graph with the same values, and a trace with the ledgers' own events."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from simgpu.arrays import Runtime
from simgpu.execution import execute
from simgpu.placement import place
from simgpu.simulation import simulate
from tests.property import eager_programs as eager

DEVICES = ("/cpu:0", "/gpu:0", "/gpu:1")
STEPS = ("add", "multiply", "scale", "view", "change", "set", "write", "move", "new", "drop", "read")


@given(data=st.data())
def test_a_recorded_program_gives_the_same_values_as_a_graph(data):
    with Runtime("2 x 1MiB") as runtime:
        alive = _outside(data, runtime)
        with runtime.record() as program:
            _run(data, runtime, alive)
            names = program.fetch(*alive)
        expected = [array.value() for array in alive]
        placement = place(program.graph, runtime.machine, kernels=program.kernels, soft=False)

        outputs, _ = execute(placement, program.feeds)

        for name, value in zip(names, expected, strict=True):
            np.testing.assert_array_equal(outputs[name], value)
        assert _moves(simulate(placement)) <= _moves(program.trace)


@given(data=st.data())
def test_a_recorded_program_gives_the_same_values_on_another_machine_with_its_inputs_inside(data):
    with Runtime("2 x 1MiB") as runtime:
        alive = _outside(data, runtime)
        with runtime.record() as program:
            _run(data, runtime, alive)
            names = program.fetch(*alive)
        graph = program.graph_for(keep_devices=False, as_variables=True)

        outputs, _ = execute(place(graph, Runtime("1 x 1MiB").machine))

        for name, array in zip(names, alive, strict=True):
            np.testing.assert_array_equal(outputs[name], array.value())


@given(data=st.data())
def test_the_memory_events_of_a_recording_are_those_of_the_ledgers(data):
    with Runtime("2 x 1MiB") as runtime:
        alive = _outside(data, runtime)
        for memory in runtime.memories:
            memory.reset_peak()
        with runtime.record() as program:
            _run(data, runtime, alive)

        for memory, events in zip(runtime.memories, program.trace.memory, strict=True):
            assert _live_after(events) == {(block, owner) for block, owner in memory.pool.live()}
            assert program.peak_bytes(memory.device.name) == memory.pool.peak_bytes


@given(data=st.data())
def test_ledgers_end_empty_in_a_recording_when_all_arrays_die(data):
    with Runtime("2 x 1MiB") as runtime:
        with runtime.record() as program:
            alive = _outside(data, runtime)
            _run(data, runtime, alive)
            alive.clear()

        assert [_live_after(events) for events in program.trace.memory] == [set(), set(), set()]
        assert len(program.graph) == len(program.trace.decisions)


def _outside(data, runtime):
    return [_new(data, runtime) for _ in range(data.draw(st.integers(1, 2)))]


def _run(data, runtime, alive):
    for step in data.draw(st.lists(st.sampled_from(STEPS), max_size=12)):
        if not alive:
            alive.append(_new(data, runtime))
        with runtime.device(data.draw(st.sampled_from(DEVICES))):
            _step(data, runtime, alive, step)


def _step(data, runtime, alive, step):
    array = _any(data, alive)
    match step:
        case "add" | "multiply":
            other = _any(data, [other for other in alive if other.shape == array.shape])
            alive.append(eager.apply(step, array, other))
        case "scale":
            alive.append(data.draw(st.sampled_from((2, 0.5))) * -array)
        case "view":
            alive.append(_view(data, array))
        case "change":
            alike = [o for o in alive if o.shape == array.shape and o.device == array.device and _apart(o, array)]
            array += _any(data, [array, *alike])
        case "set":
            array[: data.draw(st.integers(0, 2))] = data.draw(st.integers(-9, 9))
        case "write":
            eager.write(array, data.draw(st.integers(-9, 9)))
        case "move":
            alive.append(eager.moved(array, data.draw(st.sampled_from(("CPU:0", "GPU:0", "GPU:1")))))
        case "new":
            alive.append(_new(data, runtime))
        case "drop":
            alive[:] = [other for other in alive if other is not array]
        case "read":
            array.value()


def _any(data, arrays):
    return arrays[data.draw(st.integers(0, len(arrays) - 1))]


def _new(data, runtime):
    shape = data.draw(st.sampled_from(((4, 4), (2, 8), (16,), (0, 3))))
    return eager.new(runtime, np.arange(np.prod(shape), dtype="float32").reshape(shape))


def _view(data, array):
    start = data.draw(st.integers(0, 2))
    forms = [lambda: eager.flipped(array), lambda: array[start : start + 2], lambda: array[None, ..., 0]]
    if 0 in array.shape:
        forms.pop()
    forms.append(lambda: eager.permuted(array, tuple(reversed(range(array.ndim)))))
    if array._data.flags.c_contiguous:
        forms.append(lambda: eager.reshaped(array, (array.size,)))
    return _any(data, forms)()


def _apart(array, other):
    return array._buffer is not other._buffer


def _moves(trace):
    """What went where; not what the caller fed or fetched."""
    moves = ((span.name, span.resource.split(" -> ")) for span in trace.spans if span.kind == "transfer")
    return {(name, target) for name, (source, target) in moves if "caller" not in (source, target)}


def _live_after(events):
    """Follow memory events; no block may overlap another, and none may be released that is not there."""
    live, last_ps = {}, 0
    for event in events:
        assert event.time_ps >= last_ps
        last_ps = event.time_ps
        if not event.is_allocation:
            assert live.pop(event.offset) == (event.size_bytes, event.owner)
            continue
        end = event.offset + event.size_bytes
        assert all(end <= offset or offset + size <= event.offset for offset, (size, _) in live.items())
        live[event.offset] = event.size_bytes, event.owner
    return {((offset, size), owner) for offset, (size, owner) in live.items()}
