"""Whatever the program, the simulated and the executed path hold to the same rules."""

import itertools
from collections import Counter, defaultdict

import hypothesis.strategies as st
import numpy as np
from hypothesis import assume, event, given, settings

from simgpu.costs import Roofline
from simgpu.errors import OutOfDeviceMemory, PlacementError
from simgpu.execution import execute
from simgpu.graph import INTEGER_DTYPES
from simgpu.kernels import array_dtype, kernel_set, rule
from simgpu.placement import place
from simgpu.program import CALLER, TaskKind, lower
from simgpu.simulation import simulate
from simgpu.storage import NumpyStorage
from simgpu.trace import compare, critical_chain, time_breakdown
from simgpu.units import transfer_ps
from tests.property.programs import cases

ENOUGH = settings(max_examples=20 * settings.default.max_examples)  # 2,000 in `make test`


class WatchedStorage(NumpyStorage):
    """Remembers its regions, in the order of the devices, and in which of them each computation's arrays lay."""

    def __init__(self):
        super().__init__()
        self.regions = []
        self.lay = Counter()

    def open(self, limit_bytes, *arguments, **options):
        self.regions.append(super().open(limit_bytes, *arguments, **options))
        return self.regions[-1]

    def compute(self, rule, inputs, outputs, attributes):
        super().compute(rule, inputs, outputs, attributes)
        where = tuple(self.region_of(array) for array in (*inputs, *outputs) if array.nbytes)
        self.lay[rule.name, where] += 1

    def region_of(self, array):
        (device,) = (device for device, region in enumerate(self.regions) if region.holds(array))
        return device


def placed(case):
    try:
        return place(case.graph, case.machine, kernels=case.kernels, soft=case.soft)
    except PlacementError:
        event("refused by the placer")
        assume(False)


def feeds_of(graph, seed=0):
    random = np.random.default_rng(seed)
    return {
        operation.name: random.integers(-4, 5, operation.output_specs[0].shape).astype(
            array_dtype(operation.output_specs[0].dtype)
        )
        for operation in graph
        if operation.type == "Input"
    }


def attempt(run):
    """What a run gives: a trace and no shortage, or the trace until an out-of-memory and its figures."""
    try:
        result = run()
    except OutOfDeviceMemory as error:
        event("out of memory")
        return error.trace, error.shortage
    return (result[1] if isinstance(result, tuple) else result), None


def assert_caps_hold(trace):
    for device, events in zip(trace.devices, trace.memory, strict=True):
        live = {}
        for item in events:
            if not item.size_bytes:
                continue
            if not item.is_allocation:
                assert live.pop(item.offset) == item.size_bytes
                continue
            assert item.offset + item.size_bytes <= device.limit_bytes
            for offset, size in live.items():
                assert item.offset + item.size_bytes <= offset or offset + size <= item.offset
            live[item.offset] = item.size_bytes
        assert not live


@ENOUGH
@given(cases(), st.sampled_from(("sync", "async")))
def test_both_engines_hold_to_the_same_rules(case, launch):
    placement = placed(case)
    watched = WatchedStorage()
    predicted, shortage = attempt(lambda: simulate(placement, launch=launch))
    for storage in (watched, "shape"):
        ran, ran_out = attempt(lambda: execute(placement, feeds_of(case.graph), storage=storage, follow=predicted))  # noqa: B023
        agreement = compare(predicted, ran)

        assert agreement, agreement.difference
        assert ran_out == shortage
    assert_caps_hold(predicted)
    if case.kernels == "float-only":
        assert_integers_are_on_the_cpu(placement)
    if shortage is None:
        assert watched.lay == places_of_bytes(placement)
        assert_makespan_is_possible(placement, predicted, launch)


def places_of_bytes(placement):
    """By the placement and the kernel set alone: in whose memory each computation reads and writes."""
    places = Counter()
    for operation in placement.graph:
        device = placement.devices[operation.index]
        kernel = kernel_set(placement.kernels).find(operation, placement.machine.devices[device].kind)
        specs = (*operation.input_specs, *operation.output_specs)
        on_host = (*kernel.host_inputs, *kernel.host_outputs)
        places[
            operation.type,
            tuple(
                placement.machine.host_device(device) if host else device
                for spec, host in zip(specs, on_host, strict=True)
                if spec.nbytes
            ),
        ] += operation.type != "Input"
    return +places


def assert_integers_are_on_the_cpu(placement):
    for operation in placement.graph:
        if any(spec.dtype in INTEGER_DTYPES for spec in (*operation.input_specs, *operation.output_specs)):
            assert "CPU" in placement.device_of(operation.index)


@given(cases())
def test_run_as_ready_the_values_are_those_of_plain_numpy_and_caps_hold(case):
    placement = placed(case)
    feeds = feeds_of(case.graph)
    try:
        outputs, trace = execute(placement, feeds)
    except OutOfDeviceMemory as error:
        assert_caps_hold(error.trace)
        return
    expected = evaluate(case.graph, feeds)

    assert_caps_hold(trace)
    assert outputs.keys() == expected.keys()
    for name, value in outputs.items():
        np.testing.assert_array_equal(value, expected[name], strict=True)


def evaluate(graph, feeds):
    """Plain NumPy: one operation after the other, nothing placed anywhere."""
    values = {}
    with np.errstate(all="ignore"):
        for index in graph.order:
            operation = graph.operation(index)
            made = [np.empty(spec.shape, array_dtype(spec.dtype)) for spec in operation.output_specs]
            if operation.type == "Input":
                made = [feeds[operation.name]]
            else:
                rule(operation.type).compute(np, [values[t] for t in operation.inputs], made, operation.attributes)
            values.update(zip(operation.outputs, made, strict=True))
    return {graph.tensor_name(tensor): values[tensor] for tensor in graph.fetches}


def shortest_and_serial_ps(placement, task, costs, launch):
    """Time of one task alone on the machine, launched ahead if it can be, and when nothing runs beside anything."""
    machine = placement.machine
    if task.kind is TaskKind.COMPUTE:
        device = machine.devices[task.device]
        physical = machine.physical_devices[device.physical]
        cost = costs.cost(placement.graph.operation(task.subject), device)
        if device.kind == "CPU":
            rounds = -(-cost.parts // machine.hosts[physical.host].intra_op_threads)
            return rounds * cost.part_ps, cost.serial_ps
        launch_ps = physical.model.launch_overhead_ps
        return cost.serial_ps + (launch_ps if launch == "sync" else 0), cost.serial_ps + launch_ps
    source = machine.host_device(task.device) if task.source == CALLER else task.source
    target = machine.host_device(task.source) if task.device == CALLER else task.device
    if source == target:
        return 0, 0
    route = machine.route(source, target)
    slowest = min(machine.channels[number].bandwidth_bytes_per_s for number in route.channels)
    size = placement.graph.tensor_spec(task.subject).nbytes
    return (route.latency_ps + transfer_ps(size, slowest),) * 2


def assert_makespan_is_possible(placement, trace, launch):
    """Between the longest path, where nothing waits, and the serial sum, where nothing overlaps."""
    program, costs = lower(placement), Roofline(placement.machine)
    bounds = [shortest_and_serial_ps(placement, task, costs, launch) for task in program.tasks]
    longest = defaultdict(int)
    for task in topological(program):
        before = max((longest[other] for other in program.tasks[task].waits_for), default=0)
        longest[task] = before + bounds[task][0]
    rounding_ps = 2 * len(program.tasks)

    assert max(longest.values(), default=0) - rounding_ps <= trace.makespan_ps
    assert trace.makespan_ps <= sum(serial for _, serial in bounds) + rounding_ps
    assert time_breakdown(trace).makespan_ps == trace.makespan_ps


def topological(program):
    left = {number: set(task.waits_for) for number, task in enumerate(program.tasks)}
    while left:
        ready = [number for number, waits in left.items() if not waits & left.keys()]
        yield from ready
        for number in ready:
            del left[number]


@given(cases(), st.sampled_from(("fair", "fifo")))
def test_a_simulation_gives_the_same_bytes_again(case, links):
    placement = placed(case)
    traces = [attempt(lambda: simulate(placement, links=links)) for _ in range(2)]

    assert traces[0] == traces[1]


@given(cases())
def test_what_one_card_computes_never_overlaps_and_every_span_follows_its_cause(case):
    placement = placed(case)
    trace, _ = attempt(lambda: simulate(placement))
    for device in trace.devices:
        if device.kind == "GPU":
            spans = sorted(
                (span.start_ps, span.end_ps)
                for span in trace.spans
                if (span.resource, span.kind) == (device.name, "compute")
            )
            assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))
    for span in trace.spans:
        assert span.ready_ps <= span.start_ps <= span.end_ps
        assert span.cause < 0 or trace.spans[span.cause].end_ps == span.ready_ps
    chain = critical_chain(trace)
    assert not chain or chain[-1].end_ps == trace.makespan_ps
