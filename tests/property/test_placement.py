"""What holds for every placement: random graphs, requests, colocations and rules on random machines."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from simgpu.errors import PlacementError
from simgpu.graph import INTEGER_DTYPES, Graph, GraphBuilder, TensorSpec
from simgpu.kernels import kernel_set
from simgpu.machine import Machine
from simgpu.naming import DeviceSpec
from simgpu.placement import place

MACHINES = [
    Machine("cpu"),
    Machine("t4"),
    Machine("2 x t4"),
    Machine({"hosts": [{"gpus": "t4"}, {"gpus": "2 x t4"}]}),
]
LOCAL = ["/gpu:0", "/gpu:1", "/gpu", "/cpu:0", "/cpu", "/gpu:7", "/cpu:2", "/device:XPU:0"]
"""Requests that name neither job nor task, so that soft placement can meet or drop them all."""

TYPES = {"Exp": ("T", "float32"), "AddV2": ("T", "int32"), "Identity": ("T", "float32"), "Neg": ("T", "int64")}
KERNELS = st.sampled_from(["float-only", "tensorflow", "tensorflow-plugin", "all"])


@st.composite
def graphs(draw, devices=LOCAL, variables=True):
    """Draw a graph in which each operation reads earlier ones; one in four asks for a device."""
    builder = GraphBuilder()
    count = draw(st.integers(1, 12))
    request = st.one_of(*[st.just("")] * 3, st.sampled_from(devices))
    values, handles = [], []
    for number in range(count):
        name = f"n{number}"
        earlier = [f"n{other}" for other in range(number)]
        common = {"name": name, "device": draw(request)}
        if earlier and draw(st.integers(0, 5)) == 0:
            common["colocate_with"] = [draw(st.sampled_from(earlier))]
        if earlier and draw(st.integers(0, 5)) == 0:
            common["control_inputs"] = [draw(st.sampled_from(earlier))]
        dtype = draw(st.sampled_from(["float32", "int32", "int64"]))
        kind = draw(st.sampled_from(["source", "variable", "read", "compute", "shape"]))
        spec = TensorSpec((2,), dtype)
        if kind == "variable" and variables:
            handle = TensorSpec((), "resource")
            handles += builder.add("VarHandleOp", outputs=[handle], attributes={"dtype": dtype}, **common)
        elif kind == "read" and handles:
            source = [draw(st.sampled_from(handles))]
            values += builder.add("ReadVariableOp", source, outputs=[spec], attributes={"dtype": dtype}, **common)
        elif kind == "shape" and values:
            source = [draw(st.sampled_from(values))]
            values += builder.add("Size", source, outputs=[TensorSpec((), "int32")], attributes={"T": dtype}, **common)
        elif kind == "compute" and values:
            type = draw(st.sampled_from(sorted(TYPES)))
            attribute, of_type = TYPES[type]
            inputs = draw(st.lists(st.sampled_from(values), min_size=1, max_size=2))
            outputs = [TensorSpec((2,), of_type)]
            values += builder.add(type, inputs, outputs=outputs, attributes={attribute: of_type}, **common)
        else:
            values += builder.add("Const", outputs=[spec], attributes={"dtype": dtype}, **common)
    return builder.build()


MACHINE = st.sampled_from(MACHINES)


def placed(graph: Graph, machine: Machine, kernels: str, soft: bool):
    try:
        return place(graph, machine, kernels=kernels, soft=soft)
    except PlacementError:
        return None


@given(graphs(), MACHINE, KERNELS, st.booleans())
def test_the_same_graph_is_placed_or_refused_the_same_way_twice(graph, machine, kernels, soft):
    first, second = (placed(graph, machine, kernels, soft) for _ in range(2))

    assert first == second


@given(graphs(), MACHINE, KERNELS, st.booleans())
def test_every_operation_is_where_it_has_a_kernel_and_has_a_reason(graph, machine, kernels, soft):
    placement = placed(graph, machine, kernels, soft)
    assume(placement is not None)

    for operation in graph:
        kind = machine.devices[placement.devices[operation.index]].kind
        assert kernel_set(kernels).find(operation, kind) is not None
        assert placement.why(operation.index)


@given(graphs(), MACHINE, KERNELS)
def test_a_hard_request_is_met_unless_a_variable_decides(graph, machine, kernels):
    placement = placed(graph, machine, kernels, soft=False)
    assume(placement is not None)

    for operation in graph:
        spec = DeviceSpec.parse(operation.device)
        if spec != DeviceSpec() and not spec.matches(machine.devices[placement.devices[operation.index]].spec):
            assert placement.why(operation.index).startswith("colocated with")
            assert tied_to_a_variable(graph, operation.index)


@given(graphs(variables=False), MACHINE, KERNELS)
def test_without_variables_a_hard_request_is_met_or_refused(graph, machine, kernels):
    placement = placed(graph, machine, kernels, soft=False)
    assume(placement is not None)

    for operation in graph:
        assert DeviceSpec.parse(operation.device).matches(machine.devices[placement.devices[operation.index]].spec)


@given(graphs(), MACHINE, st.booleans())
def test_operations_on_integers_have_no_gpu_under_float_only(graph, machine, soft):
    placement = placed(graph, machine, "float-only", soft)
    assume(placement is not None)

    for operation in graph:
        dtypes = {spec.dtype for spec in (*operation.input_specs, *operation.output_specs)}
        if dtypes & INTEGER_DTYPES:
            assert machine.devices[placement.devices[operation.index]].kind == "CPU"


@given(graphs(variables=False), MACHINE, KERNELS)
def test_soft_placement_refuses_no_type_and_no_index(graph, machine, kernels):
    """Variables are left out: two of them on different devices cannot be read by one operation, soft or not."""
    assert place(graph, machine, kernels=kernels, soft=True) is not None


@given(graphs(), MACHINE, KERNELS, st.booleans())
def test_readers_of_a_variable_are_on_its_device(graph, machine, kernels, soft):
    placement = placed(graph, machine, kernels, soft)
    assume(placement is not None)

    for operation in graph:
        for tensor in operation.inputs:
            if graph.tensor_spec(tensor).dtype == "resource":
                assert placement.devices[operation.index] == placement.devices[graph.producer(tensor)]


@given(graphs(), MACHINE, KERNELS)
def test_colocated_operations_share_a_device_when_hard(graph, machine, kernels):
    placement = placed(graph, machine, kernels, soft=False)
    assume(placement is not None)

    for operation in graph:
        for partner in operation.colocation:
            assert placement.device_of(operation.index) == placement.device_of(partner)


@given(graphs(), MACHINE, KERNELS, st.booleans())
def test_requested_means_that_the_request_was_met(graph, machine, kernels, soft):
    placement = placed(graph, machine, kernels, soft)
    assume(placement is not None)

    for operation in graph:
        spec = DeviceSpec.parse(operation.device)
        is_met = spec != DeviceSpec() and spec.matches(machine.devices[placement.devices[operation.index]].spec)
        assert (placement.why(operation.index) == "requested") == is_met


@given(graphs(devices=["/job:nobody/gpu:0", "/task:9", "/replica:4"]), MACHINE, KERNELS, st.booleans())
def test_a_job_or_task_that_does_not_exist_is_never_dropped(graph, machine, kernels, soft):
    requests = [operation for operation in graph if operation.device]
    assume(requests and not any(tied_to_a_variable(graph, operation.index) for operation in requests))

    assert placed(graph, machine, kernels, soft) is None


@given(graphs(), MACHINE, KERNELS)
def test_what_is_placed_hard_has_every_device_that_soft_placement_gives(graph, machine, kernels):
    """Soft placement changes nothing where hard placement succeeds."""
    hard = placed(graph, machine, kernels, soft=False)
    assume(hard is not None)

    assert place(graph, machine, kernels=kernels, soft=True).devices == hard.devices


def tied_to_a_variable(graph: Graph, index: int) -> bool:
    """Tell whether an operation, or one colocated with it, passes a variable."""
    linked = {index}
    while True:
        names = {graph.operation(member).name for member in linked}
        partners = {partner for member in linked for partner in graph.operation(member).colocation}
        more = {
            operation.index
            for operation in graph
            if operation.name in partners or names & set(operation.colocation) or partners & set(operation.colocation)
        }
        if more <= linked:
            break
        linked |= more
    specs = [
        spec
        for member in linked
        for spec in (*graph.operation(member).input_specs, *graph.operation(member).output_specs)
    ]
    return any(spec.dtype == "resource" for spec in specs)
