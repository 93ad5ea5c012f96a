"""One message of each public error, whole: who, what was asked, what was there, what to do.

Messages of one module are tested with it; arguments of a wrong type in `test_wrong_arguments`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import simgpu as sg
from simgpu import errors

ROOT = Path(__file__).resolve().parents[2]
GPU0 = "/job:localhost/replica:0/task:0/device:GPU:0"
FORMS = "accepted: /job:NAME/replica:N/task:N/device:TYPE:N, any part left out, any order; gpu:N and cpu:N for short"


class Place(NamedTuple):
    """What the programs below work with."""

    runtime: sg.Runtime
    xp: Any
    folder: Path
    monkeypatch: pytest.MonkeyPatch


@pytest.fixture
def place(tmp_path, monkeypatch):
    with sg.Runtime("2 x 512KiB") as runtime:
        yield Place(runtime, runtime.xp(), tmp_path, monkeypatch)


def read_a_calibration_that_is_not_there(place):
    sg.read_calibration(place.folder / "card.json")


def variable(builder, **options):
    """Add a variable of four numbers."""
    spec = sg.TensorSpec((4,), "float32")
    return sg.add_operation(builder, "Variable", name="v", spec=spec, initializer=sg.Constant(1.0), **options)


def take_an_axis_that_is_not_there(place):
    place.xp.permute_dims(place.xp.ones((2, 3)), (0, 2))


def share_cards_through_an_open_directory(place):
    place.folder.chmod(0o755)
    place.monkeypatch.setenv("SIMGPU_RUNTIME_DIR", str(place.folder))
    sg.Runtime("1 x 1MiB", share=True).start()


def add_arrays_of_two_devices(place):
    place.xp.ones(3, device="gpu:0") + place.xp.ones(3, device="gpu:1")


def relus(*, sizes):
    """Return a chain of operations whose results have so many bytes, 5 ps each, on the one GPU of a machine."""
    builder, made = sg.GraphBuilder(), []
    for number, size in enumerate(sizes):
        made = builder.add(
            "Relu",
            made,
            name=f"op{number}",
            outputs=[sg.TensorSpec((size,), "uint8")],
            attributes={"duration_ps": 5},
        )
    return sg.place(builder.build(), "1 x 2KiB", kernels="all")


def wait_for_ever(place):
    sg.simulate(relus(sizes=[1024, 2048]), on_oom="wait")


def lose_a_device(place):
    sg.simulate(relus(sizes=[512, 512]), perturbations=(sg.Fails(device="GPU:0", at=5),))


def enter_a_device_that_is_no_name(place):
    place.runtime.device("gpu0")


def choose_the_device_by_a_function(place):
    place.runtime.device(len)


def fail_in_the_midst_of_a_run(place):
    builder = sg.GraphBuilder()
    (index,) = sg.add_operation(builder, "Input", name="index", spec=sg.TensorSpec((1,), "int64"))
    builder.fetch(*sg.add_operation(builder, "getitem_arrays", [*variable(builder), index], key=("array",)))
    sg.execute(sg.place(builder.build(), place.runtime.machine), {"index": [7]})


def read_what_nothing_makes(place):
    builder = sg.GraphBuilder()
    builder.add("Relu", ["x"], name="y")
    builder.build()


def choose_an_engine_that_is_not_there(place):
    sg.run(sg.load_scenario(ROOT / "scenarios" / "cpu-only-soft.yaml"), engine="fast")


def name_a_card_that_is_not_there(place):
    sg.Machine("2 x t5")


def read_without_onnx(place):
    place.monkeypatch.setitem(sys.modules, "onnx", None)
    sg.read_onnx("squeezenet")


def read_a_directory(place):
    sg.read_onnx(place.folder)


def take_more_than_there_is(place):
    held = place.xp.ones(96 * 1024, dtype=place.xp.float32)
    place.xp.ones(64 * 1024, dtype=place.xp.float32)
    del held


def ask_for_a_device_that_is_not_there(place):
    builder = sg.GraphBuilder()
    variable(builder, device="/gpu:7")
    sg.place(builder.build(), place.runtime.machine, soft=False)


def use_a_closed_runtime(place):
    place.runtime.close()
    place.xp.ones(3)


def cut_a_card_in_use(place):
    place.xp.ones(3)
    place.runtime.config.set_memory_growth(place.runtime.config.list_physical_devices("GPU")[0], True)


def misspell_a_key(place):
    file = place.folder / "s.yaml"
    file.write_text("machine: cpu\nmodel: {onnx: light_resnet50}\nplacment: {soft: false}\n")
    sg.load_scenario(file)


def add_an_operation_that_is_not_there(place):
    sg.add_operation(sg.GraphBuilder(), "Conf")


MESSAGES = {
    sg.AxisError: (
        take_an_axis_that_is_not_there,
        "permute_dims(float64[2,3]): axis 2 is out of bounds for array of dimension 2",
    ),
    sg.CardsError: (
        share_cards_through_an_open_directory,
        (
            "{folder}: the directory where programs share cards is open to other users (mode 0755); run `chmod 700 "
            "{folder}`, or name a directory of your own with SIMGPU_RUNTIME_DIR"
        ),
    ),
    sg.DeadlockError: (
        wait_for_ever,
        f"1 of 2 tasks can never run: op1 waits for 2 KiB on {GPU0}, where op0 1 KiB holds 1 KiB of 2 KiB",
    ),
    sg.DeviceFailure: (
        lose_a_device,
        "GPU:0 fails at 5 ps, with 2 operations and transfers left: op0, op1; let another device take over "
        "(`then`), or place less on GPU:0",
    ),
    sg.DeviceMismatchError: (
        add_arrays_of_two_devices,
        "add has inputs on GPU:0, GPU:1; move them to one device first (`x.to_device(...)`)",
    ),
    sg.DeviceNameError: (
        enter_a_device_that_is_no_name,
        f"device name 'gpu0': the part 'gpu0' is not known (did you mean 'gpu:0'?); {FORMS}",
    ),
    sg.DeviceScopeError: (
        choose_the_device_by_a_function,
        f"a function cannot choose the device: got builtin_function_or_method <built-in function len>; {FORMS}",
    ),
    sg.ExecutionError: (
        fail_in_the_midst_of_a_run,
        "operation 'getitem_arrays' (getitem_arrays) on CPU:0 failed: IndexError: index 7 is out of bounds for axis 0 "
        "with size 4",
    ),
    sg.GraphError: (read_what_nothing_makes, "operation 'y' reads 'x', but the graph has no such operation"),
    sg.InvalidValue: (
        choose_an_engine_that_is_not_there,
        "engine='fast' is not an engine; choose one of both, execute, simulate",
    ),
    sg.MachineError: (name_a_card_that_is_not_there, "the catalog has no GPU named 't5'; did you mean 't4'?"),
    sg.MissingDependency: (
        read_without_onnx,
        "reading ONNX models needs the package 'onnx', which cannot be imported (import of onnx halted; None in "
        "sys.modules); install it again with simgpu, or alone: pip install onnx",
    ),
    sg.ModelFileError: (read_a_directory, "{folder} is a directory; name the .onnx file inside it"),
    sg.OutOfDeviceMemory: (
        take_more_than_there_is,
        f"{GPU0}: out of memory: ones asked for 256 KiB (262144 B); 384 KiB of 512 KiB are used and the largest hole "
        f"is 128 KiB; largest live tensors: ones 384 KiB; free memory, lower the batch, place less on {GPU0}, or raise "
        "its limit",
    ),
    sg.CalibrationError: (
        read_a_calibration_that_is_not_there,
        "'{folder}/card.json' cannot be read: No such file or directory; give the path of a calibration",
    ),
    sg.PlacementError: (
        ask_for_a_device_that_is_not_there,
        "operation 'v' (Variable) asks for /device:GPU:7; there is no such device, the machine has CPU:0, GPU:0, "
        "GPU:1; name one of these, or allow another device: soft=True",
    ),
    sg.RuntimeClosedError: (use_a_closed_runtime, "ones: this runtime is closed; make a new one"),
    sg.RuntimeStartedError: (
        cut_a_card_in_use,
        "memory growth cannot be changed: the runtime is in use; set them before the first array, variable or device "
        "scope, or make another runtime",
    ),
    sg.ScenarioError: (
        misspell_a_key,
        "{folder}/s.yaml:3:1: placment: unknown key 'placment'; did you mean 'placement' or 'name'?",
    ),
    sg.UnknownOperation: (
        add_an_operation_that_is_not_there,
        "no operation is called 'Conf'; near it: Conv, conj, Concat, concat",
    ),
}


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_an_error_says_who_what_was_asked_what_was_there_and_what_to_do(kind, place):
    program, message = MESSAGES[kind]

    with pytest.raises(kind) as caught:
        program(place)
    assert str(caught.value) == message.replace("{folder}", str(place.folder))


def test_every_public_error_has_a_message_here():
    kinds = {value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, BaseException)}

    tested_where_they_are_given = {sg.NoEffectWarning, sg.ExtrapolationWarning, sg.ReserveWarning}

    assert kinds - MESSAGES.keys() == {sg.SimgpuError, *tested_where_they_are_given}
