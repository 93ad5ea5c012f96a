"""Settings of a runtime: TensorFlow's names and rules, and the words of each refusal."""

from __future__ import annotations

import pytest

import simgpu as sg
from simgpu.config import LogicalDevice, LogicalDeviceConfiguration, PhysicalDevice
from simgpu.units import GiB, MiB

CPU = PhysicalDevice("/physical_device:CPU:0", "CPU")
GPU_0 = PhysicalDevice("/physical_device:GPU:0", "GPU")
GPU_1 = PhysicalDevice("/physical_device:GPU:1", "GPU")
LOCAL = "/job:localhost/replica:0/task:0"
IN_USE = (
    "{} cannot be changed: the runtime is in use; set them before the first array, variable or device scope, or make "
    "another runtime"
)


@pytest.fixture
def runtime():
    with sg.Runtime("2 x 1GiB") as made:
        yield made


@pytest.fixture
def config(runtime):
    return runtime.config


def part(*given):
    return LogicalDeviceConfiguration(*given)


def refused(error, call, *given):
    with pytest.raises(error) as caught:
        call(*given)
    return str(caught.value)


def test_physical_devices_have_tensorflows_names_and_do_not_start_the_runtime(runtime, config):
    assert config.list_physical_devices() == [CPU, GPU_0, GPU_1]
    assert config.list_physical_devices("GPU") == [GPU_0, GPU_1]
    assert config.list_physical_devices("TPU") == []
    assert not runtime.is_started


def test_logical_devices_start_the_runtime_and_are_scopes(runtime, config):
    devices = config.list_logical_devices()

    assert devices == [
        LogicalDevice("/device:CPU:0", "CPU"),
        LogicalDevice("/device:GPU:0", "GPU"),
        LogicalDevice("/device:GPU:1", "GPU"),
    ]
    assert runtime.is_started
    with runtime.device(devices[2]):
        assert sg.constant(1.0).device == f"{LOCAL}/device:GPU:1"


def test_devices_of_other_hosts_are_logical_devices_by_their_whole_names():
    with sg.Runtime({"hosts": [{"gpus": "1 x 1GiB"}, {"job": "worker", "gpus": "1 x 1GiB"}]}) as runtime:
        assert runtime.config.list_physical_devices() == [CPU, GPU_0]
        assert [device.name for device in runtime.config.list_logical_devices("GPU")] == [
            "/job:worker/replica:0/task:0/device:GPU:0",
            "/job:worker/replica:0/task:1/device:GPU:0",
        ]


def test_scopes_are_completed_by_the_first_task_of_the_machine():
    worker = {"job": "worker", "gpus": "1 x 1GiB"}
    with sg.Runtime({"hosts": [worker, worker]}):
        with sg.device("/gpu"):
            here = sg.constant(1.0).device
        with sg.device("/task:1/gpu:0"):
            there = sg.constant(1.0).device

    assert [here, there] == [f"/job:worker/replica:0/task:{task}/device:GPU:0" for task in (0, 1)]


@pytest.mark.parametrize(
    "use",
    [
        lambda: sg.constant(1.0),
        lambda: sg.Variable(1.0),
        lambda: sg.device("/cpu:0"),
        lambda: sg.device(None),
        lambda: sg.config.list_logical_devices(),
        lambda: sg.config.get_memory_info("GPU:0"),
    ],
)
def test_the_first_use_starts_the_runtime(runtime, use):
    use()

    assert runtime.is_started


def test_a_card_is_cut_and_the_other_stays_whole(runtime, config):
    config.set_logical_device_configuration(GPU_0, [part(256), part("512MiB")])

    assert config.get_logical_device_configuration(GPU_0) == [part(256), part("512MiB")]
    assert config.get_logical_device_configuration(GPU_1) is None
    limits = [(device.name, device.memory_limit_bytes) for device in runtime.machine.devices[1:]]
    assert limits == [
        (f"{LOCAL}/device:GPU:0", 256 * MiB),
        (f"{LOCAL}/device:GPU:1", 512 * MiB),
        (f"{LOCAL}/device:GPU:2", GiB),
    ]


def test_the_cpu_is_cut_into_equal_parts_without_limits(runtime, config):
    whole = runtime.described.device("CPU:0").memory_limit_bytes
    config.set_logical_device_configuration(CPU, [part(), part()])

    cpus = runtime.machine.devices[:2]
    assert [(it.name, it.memory_limit_bytes) for it in cpus] == [
        (f"{LOCAL}/device:CPU:0", whole // 2),
        (f"{LOCAL}/device:CPU:1", whole // 2),
    ]


def test_a_visible_card_is_renumbered_and_keeps_its_parts(runtime, config):
    config.set_logical_device_configuration(GPU_0, [part(100)])
    config.set_logical_device_configuration(GPU_1, [part(200), part(300)])
    config.set_visible_devices(GPU_1, "GPU")

    assert config.get_visible_devices() == [CPU, GPU_1]
    assert config.get_visible_devices("GPU") == [GPU_1]
    limits = [(device.name[-5:], device.memory_limit_bytes // MiB) for device in runtime.machine.devices[1:]]
    assert limits == [("GPU:0", 200), ("GPU:1", 300)]


def test_visible_devices_without_a_type_are_all_that_there_are(config):
    config.set_visible_devices([GPU_1])

    assert config.get_visible_devices() == [GPU_1]
    assert refused(sg.MachineError, config.list_logical_devices) == (
        "no CPU is left to this program: it is not visible, or cut into no parts; every program needs one, so keep it "
        "in set_visible_devices and give it a part"
    )


def test_a_cpu_in_no_parts_is_accepted_and_refused_at_the_first_use(config):
    config.set_logical_device_configuration(CPU, [])

    assert config.get_logical_device_configuration(CPU) == []
    assert refused(sg.MachineError, sg.constant, 1.0).startswith("no CPU is left to this program")


def test_a_gpu_in_no_parts_is_accepted_and_refused_at_the_first_use(config):
    config.set_logical_device_configuration(GPU_0, [])

    assert refused(ValueError, sg.constant, 1.0) == (
        "/physical_device:GPU:0 is cut into no logical devices; give it one, or hide it: set_visible_devices"
    )


def test_a_failed_start_can_be_mended(runtime, config):
    config.set_visible_devices([], "CPU")
    refused(sg.MachineError, sg.constant, 1.0)
    config.set_visible_devices(CPU, "CPU")

    assert sg.constant(1.0).device.endswith("GPU:0")


def test_after_the_first_use_what_is_set_is_accepted_again_and_nothing_else(runtime, config):
    config.set_logical_device_configuration(GPU_0, [part(100)])
    config.set_visible_devices([GPU_0, GPU_1], "GPU")
    config.threading.set_inter_op_parallelism_threads(3)
    runtime.start()

    config.set_logical_device_configuration(GPU_0, [part(100)])
    config.set_visible_devices([GPU_0, GPU_1], "GPU")
    config.threading.set_inter_op_parallelism_threads(3)
    config.threading.set_intra_op_parallelism_threads(None)
    config.set_memory_reserve(0)
    cut = config.set_logical_device_configuration
    assert refused(RuntimeError, cut, GPU_0, [part(101)]) == IN_USE.format("logical devices")
    assert refused(RuntimeError, cut, CPU, [part(), part()]) == IN_USE.format("logical devices")
    assert refused(RuntimeError, config.set_visible_devices, [], "GPU") == IN_USE.format("visible devices")
    assert refused(RuntimeError, config.set_memory_growth, GPU_1, True) == IN_USE.format("memory growth")
    assert refused(RuntimeError, config.set_memory_reserve, "1MiB") == IN_USE.format("memory reserve")
    assert refused(RuntimeError, config.threading.set_inter_op_parallelism_threads, 4) == (
        "inter-op threads cannot become 4 (they are 3): the runtime is in use; set them before the first array, "
        "variable or device scope"
    )


def test_arguments_are_checked_before_the_time_is(runtime, config):
    runtime.start()

    assert refused(ValueError, config.set_logical_device_configuration, GPU_0, [part()]) == (
        "/physical_device:GPU:0: every part of a GPU needs a limit: memory_limit=MiB, or text such as '2GiB'"
    )


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        (0, "memory_limit=0 leaves no memory"),
        (-5, "memory_limit=-5 leaves no memory"),
        (1.5, "memory_limit=1.5 is neither whole MiB nor text"),
        (True, "memory_limit=True is neither whole MiB nor text"),
        ("0 B", "memory_limit='0 B' leaves no memory"),
    ],
)
def test_a_limit_that_cannot_be_meant_is_refused(config, limit, message):
    assert refused(sg.InvalidValue, config.set_logical_device_configuration, GPU_0, [part(limit)]) == (
        f"/physical_device:GPU:0: {message}; give a whole number of MiB of 1 or more, or text with a unit, such as "
        "'512MiB'"
    )
    assert config.get_logical_device_configuration(GPU_0) is None


def test_parts_that_exceed_their_card_are_refused(config):
    assert refused(sg.InvalidValue, config.set_logical_device_configuration, GPU_0, [part(600), part(600)]) == (
        "/physical_device:GPU:0: its 2 parts ask for 1200 MiB, but the card has 1 GiB; lower the limits"
    )


@pytest.mark.parametrize(
    ("device", "given", "message"),
    [
        (CPU, part(10), "/physical_device:CPU:0: parts of a CPU have no memory limit; leave memory_limit out"),
        (
            GPU_0,
            part(10, 1),
            "/physical_device:GPU:0: streams have no priority here; leave experimental_priority out",
        ),
        (
            GPU_0,
            part(10, None, 1),
            "/physical_device:GPU:0: parts keep the order of the list; leave experimental_device_ordinal out",
        ),
        (GPU_0, 10, "/physical_device:GPU:0: 10 is no LogicalDeviceConfiguration; give a list of those"),
        (
            "GPU:0",
            part(10),
            "'GPU:0' is no physical device here; choose among /physical_device:CPU:0, /physical_device:GPU:0, "
            "/physical_device:GPU:1",
        ),
    ],
)
def test_parts_that_make_no_sense_are_refused(config, device, given, message):
    assert refused(ValueError, config.set_logical_device_configuration, device, [given]) == message


@pytest.mark.parametrize(
    ("devices", "device_type", "message"),
    [
        (
            [GPU_1, GPU_0],
            "GPU",
            "visible devices keep their own order, not that of the list: /physical_device:GPU:1, "
            "/physical_device:GPU:0; give them in ascending order, or renumber them with CUDA_VISIBLE_DEVICES",
        ),
        (
            [GPU_0, GPU_0],
            "GPU",
            "visible devices name a device twice: /physical_device:GPU:0, /physical_device:GPU:0; name each once",
        ),
        (
            [CPU],
            "GPU",
            "/physical_device:CPU:0 is no GPU; choose among /physical_device:GPU:0, /physical_device:GPU:1",
        ),
        (
            "GPU:7",
            "GPU",
            "'GPU:7' is no physical device here; choose among /physical_device:CPU:0, /physical_device:GPU:0, "
            "/physical_device:GPU:1",
        ),
    ],
)
def test_visible_devices_that_cannot_be_meant_are_refused(config, devices, device_type, message):
    assert refused(sg.InvalidValue, config.set_visible_devices, devices, device_type) == message
    assert config.get_visible_devices() == [CPU, GPU_0, GPU_1]


def test_threads_are_those_of_the_machine_unless_they_are_set(runtime, config):
    assert config.threading.get_inter_op_parallelism_threads() == 0
    config.threading.set_intra_op_parallelism_threads(5)

    assert config.threading.get_intra_op_parallelism_threads() == 5
    assert runtime.machine.intra_op_threads == (5,)
    assert runtime.machine.inter_op_threads == runtime.described.inter_op_threads


@pytest.mark.parametrize("number", [-1, 1.5, "2", True])
def test_what_is_no_number_of_threads_is_refused(config, number):
    assert refused(sg.InvalidValue, config.threading.set_intra_op_parallelism_threads, number) == (
        f"intra-op threads: {number!r} is no number of threads; give an int, or 0 for the machine's own number"
    )


def test_a_reserve_is_left_out_of_cards_that_are_not_cut(runtime, config):
    config.set_logical_device_configuration(GPU_0, [part(1024)])
    config.set_memory_reserve("24MiB")

    assert config.get_memory_reserve() == 24 * MiB
    assert [device.memory_limit_bytes for device in runtime.machine.devices[1:]] == [GiB, 1000 * MiB]


def test_a_reserve_that_leaves_nothing_is_refused(config):
    config.set_memory_reserve("1GiB")

    assert refused(ValueError, sg.constant, 1.0) == (
        "a memory reserve of 1 GiB leaves nothing of a card of 1 GiB; it must be less, not more than or all of what "
        "there is"
    )
