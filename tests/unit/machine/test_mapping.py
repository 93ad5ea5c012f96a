"""The mapping form: what each key means, and how faults are refused with the path of their key."""

from __future__ import annotations

import pickle

import pytest

from simgpu.machine import LinkSpec, Machine, MachineKeyError
from simgpu.units import GiB


def test_gpus_alone_are_the_one_line_form():
    assert Machine({"gpus": "2 x t4"}) == Machine("2 x t4")
    assert Machine.from_mapping({"gpus": ["t4", "t4"]}) == Machine("2 x t4")
    assert Machine({"gpus": []}) == Machine({"gpus": "cpu"}) == Machine({"host": "cpu-2c"}) == Machine("cpu")
    assert Machine({"box": "hgx-h100-8"}) == Machine("hgx-h100-8")


def test_a_host_is_taken_from_the_catalog():
    machine = Machine({"gpus": "1 x 4GiB", "host": "cpu-2s-7742"})

    assert [device.model.name for device in machine.physical_devices] == ["cpu-2s-7742", "generic-4GiB"]
    assert (machine.inter_op_threads, machine.intra_op_threads) == ((128,), (128,))


def test_hosts_are_tasks_with_their_own_parts_and_threads():
    machine = Machine(
        {
            "hosts": [
                {"job": "ps", "host": "cpu-2c"},
                {"gpus": "2 x t4", "inter_op_threads": 3},
                {"gpus": ["t4"], "task": 5},
                {"gpus": "cpu"},
            ],
            "inter_op_threads": 7,
            "intra_op_threads": 1,
        }
    )

    assert [(host.job, host.task, host.inter_op_threads, host.intra_op_threads) for host in machine.hosts] == [
        ("ps", 0, 7, 1),
        ("worker", 0, 3, 1),
        ("worker", 5, 7, 1),
        ("worker", 6, 7, 1),
    ]
    assert [device.name for device in machine.devices] == [
        "/job:ps/replica:0/task:0/device:CPU:0",
        "/job:worker/replica:0/task:0/device:CPU:0",
        "/job:worker/replica:0/task:0/device:GPU:0",
        "/job:worker/replica:0/task:0/device:GPU:1",
        "/job:worker/replica:0/task:5/device:CPU:0",
        "/job:worker/replica:0/task:5/device:GPU:0",
        "/job:worker/replica:0/task:6/device:CPU:0",
    ]


def test_a_host_beside_hosts_is_the_one_of_those_that_name_none():
    machine = Machine({"host": "cpu-2c", "hosts": [{"gpus": "t4"}, {"host": "cpu-2s-2698"}]})

    assert [device.model.name for device in machine.physical_devices] == ["cpu-2c", "t4", "cpu-2s-2698"]


def test_the_split_is_that_of_the_method():
    mapping = {"gpus": "1 x 4GiB", "split": {"GPU:0": ["1GiB", 3 * GiB]}, "compute": "exclusive"}

    assert Machine(mapping) == Machine("1 x 4GiB").split({"GPU:0": ["1GiB", "3GiB"]}, compute="exclusive")


def test_links_are_named_or_described():
    machine = Machine(
        {
            "hosts": [{"gpus": "2 x t4"}, {}],
            "links": {
                "gpu": "nvlink3",
                "host": {"bandwidth": "10 GB/s", "latency": "2us", "duplex": "half"},
                "network": {"bandwidth": "8 Gbit/s"},
            },
        }
    )

    assert machine.links == (
        LinkSpec("host0/CPU:0 custom-network", ("host0/CPU:0", "network"), 10**9, 0, "full"),
        LinkSpec("host0/GPU:0 custom-host", ("host0/GPU:0", "host0/CPU:0"), 10**10, 2_000_000, "half"),
        LinkSpec("host0/GPU:0 nvlink3", ("host0/GPU:0", "host0/switch"), 300 * 10**9, 500_000, "full"),
        LinkSpec("host0/GPU:1 custom-host", ("host0/GPU:1", "host0/CPU:0"), 10**10, 2_000_000, "half"),
        LinkSpec("host0/GPU:1 nvlink3", ("host0/GPU:1", "host0/switch"), 300 * 10**9, 500_000, "full"),
        LinkSpec("host1/CPU:0 custom-network", ("host1/CPU:0", "network"), 10**9, 0, "full"),
    )


def test_a_pcie_link_between_gpus_takes_the_fabric_of_a_box_away():
    machine = Machine({"box": "hgx-h100-8", "links": {"gpu": "pcie4-x16"}})

    assert machine.switches == ()
    assert [link.name for link in machine.links] == [f"host0/GPU:{slot} pcie4-x16" for slot in range(8)]


@pytest.mark.parametrize(
    ("mapping", "message", "path"),
    [
        ({}, "a machine needs one of 'gpus', 'host', 'hosts', 'box'; here are []", ()),
        ({"gpu": "t4"}, "gpu: unknown key 'gpu'; did you mean 'gpus'?", ("gpu",)),
        ({"gpus": "t4", 1: 2}, '["1"]: unknown key 1; known are gpus, box, host, hosts, split, compute, links, '
         "topology, ecmp_seed, inter_op_threads, intra_op_threads", ("1",)),
        ({"gpus": "t5"}, "gpus: the catalog has no GPU named 't5'; did you mean 't4'?", ("gpus",)),
        ({"gpus": ["t4", "2 y l4"]}, None, ("gpus", 1)),
        ({"gpus": ["t4", 3]}, "gpus[1]: 3 is not text", ("gpus", 1)),
        ({"gpus": None}, "gpus: None is not one line such as '2 x t4', or a list of lines", ("gpus",)),
        ({"gpus": "t4-4"}, "gpus: 't4-4' is a whole box and stands alone, not among GPUs; name its GPUs", ("gpus",)),
        ({"gpus": ["4096 x t4", "t4"]}, "gpus: 4097 GPUs are more than the 4096 that a machine can have", ("gpus",)),
        ({"gpus": "t4", "host": "cpu-2x"}, "host: the catalog has no host named 'cpu-2x'; did you mean 'cpu-2c' or "
         "'cpu-2s-8480' or 'cpu-2s-7742'?", ("host",)),
        ({"box": "t4-4", "gpus": "t4"}, "gpus: 'box' already says what 'gpus' would; give one of them", ("gpus",)),
        ({"hosts": [{}], "gpus": "t4"}, "gpus: 'hosts' already says what 'gpus' would; give one of them", ("gpus",)),
        ({"hosts": []}, "hosts: a machine has at least one host; this list is empty", ("hosts",)),
        ({"hosts": {}}, "hosts: {} is not a list", ("hosts",)),
        ({"hosts": ["t4"]}, "hosts[0]: 't4' is not a mapping", ("hosts", 0)),
        ({"hosts": [{}, {"tsk": 0}]}, "hosts[1].tsk: unknown key 'tsk'; did you mean 'task'?", ("hosts", 1, "tsk")),
        ({"hosts": [{"task": 1}, {"task": 1}]}, "hosts[1].task: an earlier host is task 1 of job 'worker' already",
         ("hosts", 1, "task")),
        ({"hosts": [{"task": -1}]}, "hosts[0].task: -1 is not a whole number from 0", ("hosts", 0, "task")),
        ({"hosts": [{"task": True}]}, "hosts[0].task: True is not a whole number from 0", ("hosts", 0, "task")),
        ({"hosts": [{"job": "a/b"}]}, "hosts[0].job: 'a/b' is no job: letters, digits and _, a letter first",
         ("hosts", 0, "job")),
        ({"hosts": [{"gpus": "4096 x t4"}, {"gpus": "t4"}]},
         "hosts: 4097 GPUs are more than the 4096 that a machine can have", ("hosts",)),
        ({"gpus": "t4", "inter_op_threads": 0}, "inter_op_threads: 0 is not a number of threads from 1 to 4096",
         ("inter_op_threads",)),
        ({"gpus": "t4", "links": {"gpu": "nvlink5"}}, "links.gpu: the catalog has no gpu or host link named 'nvlink5'; "
         "did you mean 'nvlink4' or 'nvlink3' or 'nvlink2'?", ("links", "gpu")),
        ({"gpus": "t4", "links": {"network": "nvlink4"}}, "links.network: the catalog has no network link named "
         "'nvlink4'; known are ib-edr, ib-hdr, ib-ndr, eth-100g", ("links", "network")),
        ({"gpus": "t4", "links": {"gpu": 5}}, "links.gpu: 5 is not the name of a link, or a mapping with bandwidth, "
         "latency, duplex", ("links", "gpu")),
        ({"gpus": "t4", "links": {"gpu": {"latency": 1}}}, "links.gpu: a link needs a 'bandwidth', such as '25 GB/s'",
         ("links", "gpu")),
        ({"gpus": "t4", "links": {"gpu": {"bandwidth": "fast"}}}, None, ("links", "gpu", "bandwidth")),
        ({"gpus": "t4", "links": {"gpu": {"bandwidth": 1, "duplex": "both"}}},
         "links.gpu.duplex: 'both' is not one of full, half, fatpipe", ("links", "gpu", "duplex")),
        ({"gpus": "t4", "compute": "alone"}, "compute: 'alone' is not one of shared, exclusive", ("compute",)),
        ({"gpus": "t4", "split": [1]}, "split: [1] is not a mapping from devices to sizes", ("split",)),
        ({"gpus": "t4", "split": {"GPU:0": ["1GiB", "1Gib"]}}, None, ("split", "GPU:0", 1)),
        (3, "3 is not a machine: one line such as '2 x t4', or a mapping", ()),
    ],
)  # fmt: skip
def test_a_fault_is_refused_with_the_path_of_its_key(mapping, message, path):
    with pytest.raises(MachineKeyError) as refused:
        Machine(mapping)

    assert (message or str(refused.value), refused.value.path) == (str(refused.value), path)


def test_a_refusal_survives_pickling():
    error = MachineKeyError("no", ("hosts", 1, "GPU:0"))

    copy = pickle.loads(pickle.dumps(error))

    assert (str(copy), copy.path, copy.reason) == ('hosts[1]["GPU:0"]: no', ("hosts", 1, "GPU:0"), "no")


def test_a_lone_gpu_has_no_switch_to_meet_others_in():
    machine = Machine({"gpus": "t4", "links": {"gpu": "nvlink3"}})

    assert machine.switches == ()
    assert [link.name for link in machine.links] == ["host0/GPU:0 pcie3-x16"]
