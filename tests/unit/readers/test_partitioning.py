"""Workloads of the DNN partitioning benchmark: nodes, edges, machine and splits, and the place of what is wrong."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest

from simgpu.errors import InvalidValue, ModelFileError
from simgpu.machine import Machine
from simgpu.placement import place
from simgpu.readers import read_partitioning
from simgpu.readers.partitioning.file import read_workload
from simgpu.simulation import simulate
from simgpu.units import PS_PER_MS, transfer_ps

MS = PS_PER_MS
TEXT = """\
{
  "maxSizePerFPGA": 1048576.0, "maxFPGAs": 2, "maxCPUs": 3,
  "nodes": [
    {"id": 7, "name": "in", "supportedOnFpga": false, "cpuLatency": 1.5, "fpgaLatency": 9, "size": 4096.0},
    {"id": 1, "name": "a", "supportedOnFpga": 1, "cpuLatency": 20, "fpgaLatency": 2.0000000000000004, "size": 9000.0,
     "isBackwardNode": 0, "colorClass": 5},
    {"id": 2, "name": "b", "supportedOnFpga": true, "cpuLatency": 30.0, "fpgaLatency": 3e-10, "size": 10.0,
     "isBackwardNode": true, "colorClass": 5}
  ],
  "edges": [
    {"sourceId": 7, "destId": 1, "cost": 4.0, "size": 4000.0},
    {"sourceId": 7, "destId": 2, "cost": 4.0, "size": 77.0},
    {"sourceId": 1, "destId": 2, "cost": 0.5, "size": 500.0}
  ]
}
"""
SPLIT = '{"cpus": [{"nodes": [7]}],\n "fpgas": [{"nodes": []}, {"nodes": [1]}], "maxLoad": -1}'


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.json"


@pytest.fixture
def split(tmp_path):
    return tmp_path / "split.json"


def written(path, text):
    path.write_text(text)
    return path


def refusal(path, text, **options):
    with pytest.raises(ModelFileError) as caught:
        read_partitioning(written(path, text), **options)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{path}:")


def changed(old, new, text=TEXT):
    assert old in text
    return text.replace(old, new, 1)


def test_nodes_become_operations_with_a_time_on_each_kind_of_device(path):
    graph = read_partitioning(written(path, TEXT)).graph

    assert {
        operation.name: (
            operation.attributes["duration_ps"],
            [graph.tensor_name(tensor) for tensor in operation.inputs],
            [spec.nbytes for spec in operation.output_specs],
            operation.device,
            operation.colocation,
        )
        for operation in graph
        if operation.type == "Profiled"
    } == {
        "in": ({"CPU": 1500 * MS // 1000}, ["in/memory"], [4000], "/device:CPU:0", ()),
        "a": ({"CPU": 20 * MS, "GPU": 2 * MS}, ["in", "a/memory"], [500], "", ()),
        "b": ({"CPU": 30 * MS, "GPU": 0}, ["in", "a", "b/memory"], [], "", ("a",)),
    }


def test_what_a_size_has_beyond_the_output_is_memory_that_stays(path):
    graph = read_partitioning(written(path, TEXT)).graph

    assert {
        operation.name: operation.output_specs[0].nbytes for operation in graph if operation.type == "Variable"
    } == {
        "in/memory": 96,
        "a/memory": 8500,
        "b/memory": 10,
    }
    assert graph.operation("a").attributes["memory_bytes"] == 9000
    assert [graph.operation(name).attributes["is_backward"] for name in ("a", "b")] == [False, True]
    assert graph.operation("a/memory").colocation == ("a",)


def test_the_file_describes_a_machine(path):
    machine = read_partitioning(written(path, TEXT)).machine

    assert [device.memory_limit_bytes for device in machine.devices[1:]] == [2**20, 2**20]
    assert [machine.model(device).launch_overhead_ps for device in (1, 2)] == [0, 0]
    assert (machine.inter_op_threads, machine.intra_op_threads) == ((3,), (3,))
    assert {(link.bandwidth_bytes_per_s, link.latency_ps) for link in machine.links} == {(1_000_000, 0)}


def test_a_transfer_takes_the_cost_and_between_accelerators_twice_with_fifo_links(path, split):
    apart = changed('"isBackwardNode": true, "colorClass": 5', '"colorClass": 6')
    nodes = changed("[]", "[1]", changed("[1]", "[2]", SPLIT))
    problem = read_partitioning(written(path, apart), split=written(split, nodes))
    trace = simulate(place(problem.graph, problem.machine, soft=False), links="fifo")
    moves = {(span.name, span.resource): span.end_ps - span.start_ps for span in trace.spans if span.kind == "transfer"}

    assert moves == {
        ("in", "CPU:0 -> GPU:0"): 4 * MS,
        ("in", "CPU:0 -> GPU:1"): 4 * MS,
        ("a", "GPU:0 -> GPU:1"): 2 * 500 * MS // 1000,
    }
    assert trace.makespan_ps == (1500 + 4000 + 2000 + 1000) * MS // 1000


def test_nodes_of_one_color_share_a_device_also_where_a_split_names_only_one_of_them(path, split):
    problem = read_partitioning(written(path, TEXT), split=written(split, SPLIT))
    placement = place(problem.graph, problem.machine, soft=False)

    assert {name: placement.device_of(name)[-5:] for name in ("in", "a", "b", "a/memory", "b/memory")} == {
        "in": "CPU:0",
        "a": "GPU:1",
        "b": "GPU:1",
        "a/memory": "GPU:1",
        "b/memory": "GPU:1",
    }


def test_without_accelerators_everything_is_on_the_cpus(path):
    problem = read_partitioning(written(path, changed('"maxFPGAs": 2', '"maxFPGAs": 0')))
    trace = simulate(place(problem.graph, problem.machine))

    assert len(problem.machine.devices) == 1
    assert trace.makespan_ps == (1500 + 20_000 + 30_000) * MS // 1000


def test_bytes_follow_from_the_cost_at_the_speed_of_most_edges_to_the_nearest(path):
    workload = read_workload(written(path, TEXT))

    assert workload.bytes_per_ms == 1000
    for cost, expected in (("0.0", 0), ("1e-9", 1), ("0.5004", 500), ("0.5006", 501), ("1e-200", 0)):
        text = changed("77.0", "4000.0", changed('"cost": 0.5,', f'"cost": {cost},'))
        graph = read_partitioning(written(path, text)).graph
        assert graph.operation("a").output_specs[0].nbytes == expected
        assert abs(transfer_ps(expected, 1_000_000) - Fraction(cost) * MS) <= transfer_ps(1, 1_000_000)


def test_without_sizes_the_speed_is_that_of_the_published_files(path):
    text = re.sub(r'("cost": \d+\.\d+), "size": \d+\.\d+', r"\1", TEXT)
    problem = read_partitioning(written(path, text))

    assert problem.machine.links[0].bandwidth_bytes_per_s == 2**31


def test_nodes_without_names_of_their_own_are_called_by_their_ids(path):
    for text in (changed('"name": "b", ', ""), changed('"name": "b"', '"name": "a"')):
        graph = read_partitioning(written(path, text)).graph

        assert [operation.name for operation in graph if operation.type == "Profiled"] == ["node7", "node1", "node2"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{\n", "[\n", "1:1: not JSON: '{' is expected here, not '['"),
        ('"maxFPGAs": 2,', '"maxFPGAs": 2', "2:46: not JSON: ',' is expected here, not '\"'"),
        ('"nodes"', "nodes", "3:3: not JSON: Expecting value"),
        ('"maxCPUs": 3', '"maxCPUs": NaN', "2:58: not JSON that can be read: NaN is no number of JSON"),
        ('"maxCPUs": 3', '"maxFPGAs": 3', "2:47: a new key is expected here, not 'maxFPGAs'"),
        ("}\n  ]\n}\n", "}\n  ]\n}\n7", "16:1: the file goes on behind its object; remove what is there"),
        ("}\n  ]\n}\n", "}\n  ]\n", "15:1: not JSON: ',' is expected here, not the end"),
        ('"maxFPGAs": 2', '"maxFPGAs": 2.0', "2:32: 'maxFPGAs' must be a whole number, not 2.0"),
        ('"maxFPGAs": 2', '"maxFPGAs": 5000', "2:44: 'maxFPGAs' must be from 0 to 4096, not 5000"),
        ('"maxSizePerFPGA": 1048576.0', '"maxSizePerFPGA": -1', "2:21: -1 is not from 0 to 9223372036854775807"),
        ('"maxCPUs"', '"maxCPU"', "1:1: the key 'maxCPUs' is missing; here are 'maxSizePerFPGA', 'maxFPGAs', "),
        ('"edges": [', '"edges": 3, "x": [', "10:12: 'edges' must be a list, not 3"),
        ('{"id": 7', '{"id": 1', "5:6: a second node has the id 1; renumber one"),
        ('{"id": 7', '{"id": "7"', "4:6: 'id' must be a whole number, not '7'"),
        ('{"id": 7, ', "{", "4:5: the key 'id' is missing; here are 'name', 'supportedOnFpga', 'cpuLatency', "),
        ('"cpuLatency": 20', '"cpuLatency": -1e-3', "5:50: -0.001 is not from 0 to 9223372036"),
        ('"cpuLatency": 20', '"cpuLatency": 1e99', "5:50: 1E+99 is not from 0 to 9223372036"),
        ('"supportedOnFpga": 1', '"supportedOnFpga": "yes"', "5:28: 'supportedOnFpga' must be true or false or a "),
        ('"colorClass": 5}\n', '"colorClass": 5.5}\n', "8:30: 'colorClass' must be a whole number, not 5.5"),
        ('"destId": 1', '"destId": 4', "11:21: no node has the id 4"),
        ('"cost": 4.0, "size": 77.0', '"cost": 4.1', "12:34: node 7 has another edge of cost 4.0; give all of"),
        ('"sourceId": 7, "destId": 1', '"sourceId": 2, "destId": 7', " the graph has a cycle of 2 operations: b -> in"),
        ('"name": "in"', '"name": "a/memory"', " operation 'a/memory' (Variable) is there already; every"),
    ],
)  # fmt: skip
def test_a_refusal_says_line_column_and_what_is_expected(path, old, new, message):
    assert refusal(path, changed(old, new)).startswith(message)


def test_a_file_without_nodes_is_refused(path):
    text = '{"maxSizePerFPGA": 1, "maxFPGAs": 1, "maxCPUs": 1, "nodes": [], "edges": []}'

    assert refusal(path, text) == "1:1: there is no node; a workload has at least one"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[7]", "[8]", ":1:12: {} has no node 8; is it a split of this workload?"),
        ("[7]", "[7, 7]", ":1:12: node 7 is on /cpu:0 already; name it once"),
        ("[7]", "[]", ":1:1: node 7 of {} is on no device; is it a split of this workload?"),
        ("[7]", "7", ":1:12: 'nodes' must be a list, not 7"),
        ('"cpus"', '"cpu"', ":1:1: the key 'cpus' is missing; here are 'cpu', 'fpgas', 'maxLoad'"),
    ],
)
def test_a_split_that_is_not_of_the_workload_is_refused(path, split, old, new, message):
    with pytest.raises(ModelFileError) as caught:
        read_partitioning(written(path, TEXT), split=written(split, changed(old, new, SPLIT)))

    assert str(caught.value).startswith(f"{split}{message.format(path)}")


def test_what_is_no_path_is_refused():
    with pytest.raises(InvalidValue, match=r"^a workload such as resnet50_inference.json is read from a path, not "):
        read_partitioning(None)


def test_the_machine_of_the_problem_can_be_another(path):
    problem = read_partitioning(written(path, TEXT))
    trace = simulate(place(problem.graph, Machine("1 x 1GiB")))

    assert trace.busy_ps("/job:localhost/replica:0/task:0/device:GPU:0") == 2 * MS
