"""What holds for every machine: names, limits, visibility, equality, and refusals of any text."""

from __future__ import annotations

import pickle
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simgpu.errors import SimgpuError
from simgpu.machine import Machine, MachineKeyError, PhysicalDevice
from simgpu.machine.topology_kinds import GPU_KINDS, HOST_KINDS, NETWORK_KINDS
from simgpu.naming import LOCALHOST, DeviceSpec, short_name

PARTS = ["t4", "l4", "h100-80g", "a100-40g", "v100-16g", "1GiB", "700MB", "generic"]
LINES = st.lists(st.tuples(st.integers(1, 4), st.sampled_from(PARTS)), min_size=1, max_size=3).map(
    lambda terms: " + ".join(f"{count} x {part}" for count, part in terms)
)


def links() -> st.SearchStrategy[dict[str, Any]]:
    custom = st.fixed_dictionaries(
        {"bandwidth": st.integers(1, 10**12)},
        optional={"latency": st.integers(0, 10**9), "duplex": st.sampled_from(["full", "half", "fatpipe"])},
    )
    return st.fixed_dictionaries(
        {},
        optional={
            "gpu": st.sampled_from(["nvlink2", "nvlink4", "pcie3-x16"]) | custom,
            "host": st.sampled_from(["pcie4-x16", "pcie5-x16"]) | custom,
            "network": st.sampled_from(["ib-hdr", "eth-100g"]) | custom,
        },
    )


def topologies() -> st.SearchStrategy[dict[str, Any]]:
    """Draw topologies that fit any number of hosts, each with any number of GPUs."""
    link = st.fixed_dictionaries({"bandwidth": st.integers(1, 10**12)}, optional={"latency": st.integers(0, 10**9)})
    flags = st.fixed_dictionaries({}, optional={"forwards": st.booleans(), "across_hosts": st.booleans()})
    fabrics = [{"kind": "nvswitch"}, {"kind": "nvlink-mesh"}, {"kind": "ring", "lanes": 2}]
    networks = [{"kind": "switch"}, {"kind": "ring"}, {"kind": "ring", "forwards": False}, {"kind": "fat-tree"}]
    networks += [{"kind": "two-level", "leaves": 1, "spines": spines, "oversubscription": 1.5} for spines in (1, 3)]
    return st.fixed_dictionaries(
        {},
        optional={
            "host": st.sampled_from([{"kind": "direct"}, {"kind": "pcie-tree", "switches": [1, 1]}]),
            "gpu": st.builds(lambda kind, link: {**kind, "link": link}, st.sampled_from(fabrics), link)
            | st.builds(lambda flags, link: {"kind": "ring", **flags, "link": link}, flags, link),
            "network": st.sampled_from(networks),
        },
    )


@st.composite
def descriptions(draw: st.DrawFn) -> dict[str, Any]:
    host = st.fixed_dictionaries(
        {"gpus": LINES | st.just("cpu")},
        optional={"job": st.sampled_from(["ps", "worker"]), "count": st.integers(1, 3)},
    )
    description = {"hosts": draw(st.lists(host, min_size=1, max_size=3)), "links": draw(links())}
    if draw(st.booleans()):
        description |= {"topology": draw(topologies()), "ecmp_seed": draw(st.integers(0, 9))}
        if "gpu" in description["topology"]:
            description["links"].pop("gpu", None)  # over PCIe there is nothing to arrange
    return description


@st.composite
def machines(draw: st.DrawFn) -> Machine:
    machine = Machine(draw(descriptions()))
    split = {
        device.name: draw(limits(machine.physical(index)))
        for index, device in enumerate(machine.devices)
        if draw(st.booleans())
    }
    return machine.split(split, compute=draw(st.sampled_from(["shared", "exclusive"])))


def limits(device: PhysicalDevice) -> st.SearchStrategy[int | list[int]]:
    most = device.model.memory_bytes // 4
    return st.integers(1, 5) | st.lists(st.integers(512, most), min_size=1, max_size=4)


@given(machines())
def test_device_names_are_unique_and_parse_back(machine):
    names = [device.name for device in machine.devices]

    assert len(set(names)) == len(names)
    assert [machine.index(name) for name in names] == [*range(len(names))]
    assert [DeviceSpec.parse(name) for name in names] == [device.spec for device in machine.devices]
    assert all(device.spec.is_complete for device in machine.devices)


@given(machines())
def test_numbering_follows_tensorflow(machine):
    order = [(machine.physical(i).host, d.kind, d.spec.device_index) for i, d in enumerate(machine.devices)]

    assert order == sorted(order)
    assert [device.physical for device in machine.devices] == sorted(device.physical for device in machine.devices)
    assert {device.physical for device in machine.devices} == {*range(len(machine.physical_devices))}


@given(machines())
def test_limits_are_positive_and_together_fit_their_device(machine):
    for position, physical in enumerate(machine.physical_devices):
        limits = [device.memory_limit_bytes for device in machine.devices if device.physical == position]

        assert min(limits) > 0
        assert sum(limits) <= physical.model.memory_bytes


@given(machines(), st.data())
def test_a_split_that_asks_for_more_than_the_device_has_is_refused(machine, data):
    position = data.draw(st.integers(0, len(machine.physical_devices) - 1))
    memory_bytes = machine.physical_devices[position].model.memory_bytes
    first = data.draw(st.integers(512, memory_bytes - 512))
    excess = data.draw(st.integers(1, 10**9))
    key = str(machine_key(machine, position))

    with pytest.raises(MachineKeyError) as refused:
        machine.split({key: [first, memory_bytes - first + excess]})

    assert refused.value.path == ("split", key)


def machine_key(machine: Machine, physical: int) -> DeviceSpec:
    """Return the name of a physical device as `split` takes it."""
    device = machine.physical_devices[physical]
    before = [
        other for other in machine.physical_devices[:physical] if (other.host, other.kind) == (device.host, device.kind)
    ]
    host = machine.hosts[device.host]
    return DeviceSpec(host.job, host.replica, host.task, device.kind, len(before))


@given(machines())
def test_the_host_device_is_the_first_cpu_of_the_same_task(machine):
    for index, device in enumerate(machine.devices):
        host = machine.devices[machine.host_device(index)].spec

        assert host == device.spec.merged(DeviceSpec(device_type="CPU", device_index=0))


@given(machines())
def test_a_machine_equals_its_pickled_copy(machine):
    copy = pickle.loads(pickle.dumps(machine))

    assert (copy, hash(copy), repr(copy)) == (machine, hash(machine), repr(machine))


@given(LINES)
def test_a_short_name_of_the_local_host_is_enough(line):
    machine = Machine(line)

    for index, device in enumerate(machine.devices):
        assert machine.index(short_name(device.name)) == index
        assert LOCALHOST.matches(device.spec)


ENTRIES = st.integers(-1, 9).map(str) | st.sampled_from(["", " ", "GPU-", "x", "MIG-0", "1gpu"])
VARIABLES = st.none() | st.lists(ENTRIES, max_size=6).map(",".join) | st.text(max_size=12)


@given(machines(), VARIABLES, st.sampled_from([None, "FASTEST_FIRST", "PCI_BUS_ID"]))
def test_what_is_visible_is_a_part_of_the_machine(machine, variable, order):
    seen = machine.visible(variable, order)

    assert set(seen.physical_devices) <= set(machine.physical_devices)
    assert set(seen.links) <= set(machine.links)
    assert (seen.hosts, seen.switches) == (machine.hosts, machine.switches)
    assert [d for d in seen.physical_devices if d.kind == "CPU"] == [
        d for d in machine.physical_devices if d.kind == "CPU"
    ]
    assert slices(seen).items() <= slices(machine).items()
    assert len({device.name for device in seen.devices}) == len(seen.devices)


@given(machines(), st.data())
def test_what_is_visible_is_as_far_apart_as_before(machine, data):
    seen = machine.visible(data.draw(VARIABLES))
    source, target = (data.draw(st.integers(0, len(seen.devices) - 1)) for _ in range(2))
    before = {slot: index for index, slot in enumerate(slot_names(machine))}
    old = machine.route(before[slot_names(seen)[source]], before[slot_names(seen)[target]])

    new = seen.route(source, target)

    assert new.latency_ps == old.latency_ps
    assert [seen.channels[c] for c in new.channels] == [machine.channels[c] for c in old.channels]


def slot_names(machine: Machine) -> list[tuple[str, int]]:
    """Name each logical device by its slot and its position among the slices there."""
    physical = [device.physical for device in machine.devices]
    return [(machine.physical_devices[p].name, physical[:index].count(p)) for index, p in enumerate(physical)]


def slices(machine: Machine) -> dict[str, tuple[tuple[int, str], ...]]:
    """Return the slices of each slot."""
    return {
        physical.name: tuple((d.memory_limit_bytes, d.compute) for d in machine.devices if d.physical == position)
        for position, physical in enumerate(machine.physical_devices)
    }


LINE_LIKE = st.lists(
    st.sampled_from([*PARTS, "hgx-h100-8", "cpu", "x", "+", " ", "0", "2", "4096", "GiB", "-", "9" * 30])
).map("".join)


def machine_or_refusal(description: Any) -> Machine | SimgpuError:
    try:
        return Machine(description)
    except SimgpuError as refused:
        return refused


@given(st.text() | st.text(string.printable) | LINE_LIKE)
def test_any_text_is_a_machine_or_is_refused_in_words(text):
    result = machine_or_refusal(text)

    if isinstance(result, Machine):
        assert result.device("CPU:0") == result.devices[0]
    else:
        assert 10 < len(str(result)) < 1000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(PARTS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | st.integers(), inner, max_size=3),
    max_leaves=6,
)
KEYS = ["gpus", "box", "host", "hosts", "split", "compute", "links", "topology", "ecmp_seed", "inter_op_threads"]
SPLITS = st.dictionaries(st.sampled_from(["GPU:0", "CPU:0", "GPU", "/task:1/GPU:0"]) | st.text(max_size=4), JSON)
LINKS = st.dictionaries(st.sampled_from(["gpu", "host", "network"]) | st.text(max_size=4), JSON, max_size=2)
HOSTS = st.lists(
    st.dictionaries(st.sampled_from(["job", "task", "gpus", "host", "count"]), JSON, max_size=3) | JSON, max_size=3
)


PLACES = {"host": HOST_KINDS, "gpu": GPU_KINDS, "network": NETWORK_KINDS}
KINDS = sorted({name for kinds in PLACES.values() for name in kinds})
OPTIONS = sorted({key for kinds in PLACES.values() for kind in kinds.values() for key in kind.keys} | {"link", "lnk"})
COUNTS = st.integers(-1, 5) | st.just(10**9)
OPTION = (
    JSON | COUNTS | st.lists(COUNTS, max_size=3) | st.lists(st.sampled_from(["0-1", "1-0", "2-9", "0-0"]), max_size=3)
)
SHAPE = st.builds(
    lambda kind, options: {"kind": kind, **options},
    st.sampled_from(KINDS) | JSON,
    st.dictionaries(st.sampled_from(OPTIONS), OPTION | st.sampled_from(["nvlink2", "pcie3-x16", "ib-hdr"]), max_size=4),
)
TOPOLOGIES = SHAPE | st.dictionaries(st.sampled_from([*PLACES, "gpus"]), SHAPE | JSON, max_size=3)
SEVERAL = st.sampled_from(["2 x t4", "4 x a100-40g", "cpu"])


@given(
    JSON
    | st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(KEYS, JSON) | {"split": JSON | SPLITS, "links": JSON | LINKS, "hosts": JSON | HOSTS},
    )
    | st.builds(lambda split, links: {"gpus": "2 x t4", "split": split, "links": links}, SPLITS, LINKS)
    | st.builds(lambda gpus, topology: {"gpus": gpus, "topology": topology}, SEVERAL, TOPOLOGIES)
    | st.builds(lambda gpus, topology: {"hosts": [{"gpus": gpus}] * 4, "topology": topology}, SEVERAL, TOPOLOGIES)
)
def test_any_mapping_is_a_machine_or_is_refused_with_a_path_that_leads_into_it(description):
    result = machine_or_refusal(description)

    if isinstance(result, Machine):
        assert result.device("CPU:0") == result.devices[0]
    else:
        assert isinstance(result, MachineKeyError)
        assert leads_into(result.path, description)


def leads_into(path: tuple[str | int, ...], value: Any) -> bool:
    """Tell if each step but the last, which may be what is missing, is in the value. Keys are written as text."""
    for step in path[:-1]:
        value = value[step] if isinstance(step, int) else {str(key): inner for key, inner in value.items()}[step]
    return not path or isinstance(value, list | dict)
