"""Run recorded cases that are eager TensorFlow programs, or device scopes, through simgpu's public API.

Groups: `config`, `fake_config`, `eager_place`, `eager_place_3cpu`, `gpu_eager_place` (code), `eager_scope`,
`function_scope` (scopes), `gpu_virtual`, `gpu_default_limit` (how cards are cut).
"""

from __future__ import annotations

import ast
import builtins
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

import simgpu as sg
from simgpu.environment import default_settings
from simgpu.machine import Inventory
from tests.oracle.tensorflow_facade import Facade

Case = Mapping[str, Any]
Verdict = tuple[str, str]

UNMODELLED = {"_EagerConst", "ReadVariableOp"}
"""TensorFlow's constants for shapes and axes are fewer or more here, and reading a variable is no operation."""

NOT_ANSWERS = {"exception", "mro", "message", "executed", "done", "crash", "note"}


class NotBuiltYet(Exception):
    """A part of the public API that does not exist."""


def run_case(case: Case) -> Verdict:
    """Return `passed`, `failed` or `skipped`, and the reason."""
    try:
        return RUNNERS[case["group"]](case)
    except NotBuiltYet as missing:
        return "skipped", str(missing)


def run_code(case: Case) -> Verdict:
    """Run the code of a case in a runtime of its own; compare what it collects in `R`, where it ran, or its error."""
    given, expected = case["input"], case["expect"]
    answers: dict[str, Any] = {}
    error: Exception | None = None
    with sg.Runtime(machine_of(given), kernels=kernels_of(given)) as runtime:
        facade = Facade(runtime)
        if given.get("soft") is not None:
            sg.config.set_soft_device_placement(given["soft"])
        if "gpus" in given:
            runtime.start()
        try:
            exec(given["code"], {**facade.names(), "np": np, "R": answers})
        except AttributeError as missing:
            raise NotBuiltYet(f"the facade has not: {missing}") from missing
        except (sg.SimgpuError, KeyError, TypeError, NotImplementedError) as raised:
            error = raised
    wrong = _wrong_execution(facade.journal.executed, expected)
    if is_fault_of_the_fake_device(expected):
        return _verdict(wrong)
    return _verdict([*_wrong_error(error, expected), *wrong] or _wrong_answers(answers, expected))


def is_fault_of_the_fake_device(expected: Case) -> bool:
    """Tell whether TensorFlow placed the operation, and then could not launch it without a real card."""
    return "crash" in expected or "cuLaunchKernel" in expected.get("message", "")


def machine_of(given: Case) -> str:
    """Return the machine of a case: `fake` GPUs of so many bytes, or a number of `gpus`, or the CPU alone."""
    if "fake" in given:
        return f"{given['fake']['n']} x {given['fake']['mem']} B" if given["fake"]["n"] else "cpu"
    return f"{given['gpus']} x 2GiB" if given.get("gpus") else "cpu"


def kernels_of(given: Case) -> str:
    """Return the kernel set: that of the CUDA build, or, on fake GPUs, that which a plug-in has."""
    return "tensorflow-plugin" if "fake" in given else "tensorflow"


def run_eager_scope(case: Case) -> Verdict:
    """Enter nested scopes; compare the device that they ask for, inside and after."""
    given, expected = case["input"], case["expect"]
    with sg.Runtime("cpu") as runtime:
        try:
            before = [runtime.scopes.current()]
            inside = _within(_scopes(given), runtime.scopes.current)
        except sg.SimgpuError as error:
            return _verdict(_wrong_error(error, expected))
        answers = {"device": str(inside), "after_exit": str(runtime.scopes.current())}
        assert before == [runtime.scopes.current()]
    return _verdict(_wrong_error(None, expected) or _wrong_answers(answers, expected))


def _scopes(given: Case) -> Sequence[Any]:
    if "object" in given:
        objects: Mapping[str, Callable[[], object]] = {
            "DeviceSpec": lambda: sg.DeviceSpec(device_type="CPU", device_index=0),
            "LogicalDevice": lambda: sg.config.list_logical_devices("CPU")[0],
            "PhysicalDevice": lambda: sg.config.list_physical_devices("CPU")[0],
            "function": lambda: lambda operation: "/cpu:0",
        }
        return [objects[given["object"]]()]
    if "scopes_pyrepr" in given:
        text = given["scopes_pyrepr"]
        return [(lambda operation: "/cpu:0") if "lambda" in text or "function" in text else ast.literal_eval(text)]
    scopes: Sequence[Any] = given["scopes"]
    return scopes


def run_function_scope(case: Case) -> Verdict:
    """Trace a function with scopes inside, called within scopes; compare what its operation asks for."""
    given, expected = case["input"], case["expect"]

    def random() -> sg.Array:
        return sg.current_runtime().apply("RandomUniform", (), {"shape": (2,), "seed": (1,)})[0]

    function = sg.function(lambda: _within(given["inner"], random))
    with sg.Runtime("2 x 1GiB"):
        graph: sg.Graph = _within(given["outer"], function.graph)
    (requested,) = [operation.device for operation in graph if operation.type == "RandomUniform"]
    return _verdict(_wrong_answers({"requested": requested}, expected))


def _within(scopes: Sequence[Any], act: Callable[[], Any]) -> Any:
    if not scopes:
        return act()
    with sg.device(scopes[0]):
        return _within(scopes[1:], act)


def run_virtual(case: Case) -> Verdict:
    """Cut cards as a case says; compare the logical devices, or the refusal."""
    given, expected = case["input"], case["expect"]
    total = given.get("total_mb", 4096)
    with sg.Runtime(f"{given['physical_gpus']} x {total}MiB") as runtime:
        try:
            _configure(given)
            answers = {"devices": _logical_gpus(runtime), "accepted": True}
        except sg.SimgpuError as error:
            return _verdict(_wrong_error(error, expected))
        answers["allow_growth"] = runtime.config.grows(1) or None
    return _verdict(_wrong_error(None, expected) or _wrong_answers(answers, _with_default_limits(expected, total)))


def _configure(given: Case) -> None:
    gpus = sg.config.list_physical_devices("GPU")
    sg.config.set_memory_reserve("tensorflow")
    if "python" in given:
        sg.config.set_memory_growth(gpus[0], True)
        _cut(gpus[0], [100], [])
        return
    if "visible_device_list" in given:
        gpus = [_physical(entry) for entry in given["visible_device_list"].split(",")]
        sg.config.set_visible_devices(gpus, "GPU")
    for position, limits in enumerate(given["limits_mb"]):
        if limits:  # an empty list leaves a card whole
            priorities = given.get("priority", [[]] * (position + 1))[position]
            _cut(gpus[position] if position < len(gpus) else _physical(position + len(gpus)), limits, priorities)


def _physical(index: int | str) -> sg.config.PhysicalDevice:
    return sg.config.PhysicalDevice(f"/physical_device:GPU:{index}", "GPU")


def _cut(gpu: sg.config.PhysicalDevice, limits: Sequence[Any], priorities: Sequence[int]) -> None:
    padded = [*priorities, *[None] * len(limits)]
    parts = [sg.config.LogicalDeviceConfiguration(*part) for part in zip(limits, padded, strict=False)]
    sg.config.set_logical_device_configuration(gpu, parts)


def _logical_gpus(runtime: sg.Runtime) -> list[list[Any]]:
    gpus = [device for device in runtime.machine.devices if device.kind == "GPU"]
    slots = [int(card.name.rpartition(":")[2]) for card in runtime.machine.physical_devices if card.kind == "GPU"]
    return [[sg.DeviceSpec.parse(gpu.name), gpu.memory_limit_bytes, slots[gpu.physical - 1]] for gpu in gpus]


def _with_default_limits(expected: Case, total_mb: int) -> Case:
    """Put names and numbers for what a case says in words: the limit of a whole card less TensorFlow's reserve."""
    rest = (total_mb - 1536 if total_mb >= 2048 else total_mb - 225) * 2**20
    devices = [
        [sg.DeviceSpec.parse(f"/job:localhost/replica:0/task:0/{name}"), rest if isinstance(size, str) else size, card]
        for name, size, card in expected.get("devices", ())
    ]
    return {**expected, **({"devices": devices} if "devices" in expected else {})}


def run_default_limit(case: Case) -> Verdict:
    """Start one whole card with so much memory; compare its limit."""
    given, expected = case["input"], case["expect"]
    machine = sg.Machine(f"1 x {given['available_bytes']} B")
    with sg.Runtime(
        sg.Machine.from_inventory(_with_capability(machine.inventory, given.get("cc_major", 8)))
    ) as runtime:
        try:
            reserve = default_settings(given.get("env", {})).reserve_bytes
            sg.config.set_memory_reserve("tensorflow" if reserve is None else reserve)
            limit = runtime.machine.device("GPU:0").memory_limit_bytes
        except sg.SimgpuError as error:
            return _verdict(_wrong_error(error, expected))
    answers = {"limit_bytes": limit, "reserved": given["available_bytes"] - limit}
    return _verdict(_wrong_answers(answers, expected))


def _with_capability(inventory: Inventory, major: int) -> Inventory:
    cpu, card = inventory.physical_devices
    model = replace(card.model, compute_capability=(major, 0))
    return replace(inventory, physical_devices=(cpu, replace(card, model=model)))


def _wrong_error(error: Exception | None, expected: Case) -> list[str]:
    if "exception" not in expected:
        return [] if error is None else [f"raised {error!r}"]
    family = getattr(builtins, expected["exception"], sg.SimgpuError)  # TensorFlow's own errors are ours here
    if isinstance(error, family):
        return []
    return [f"expected {expected['exception']}, got {error!r}"]


def _wrong_answers(answers: Case, expected: Case) -> list[str]:
    return [
        f"{key}: expected {value!r}, got {answers.get(key)!r}"
        for key, value in expected.items()
        if key not in NOT_ANSWERS and (key not in answers or _plain(answers[key]) != _plain(value))
    ]


def _wrong_execution(executed: Sequence[Sequence[str]], expected: Case) -> list[str]:
    """Compare operations in order, and constants by the devices that they are on."""
    if "executed" not in expected:
        return []
    found, wanted = [[list(entry) for entry in entries] for entries in (executed, expected["executed"])]
    pairs = [
        tuple([entry for entry in entries if entry[0] not in UNMODELLED] for entries in (found, wanted)),
        tuple({entry[1] for entry in entries if entry[0] == "_EagerConst"} for entries in (found, wanted)),
    ]
    return [f"executed: expected {theirs}, got {ours}" for ours, theirs in pairs if ours != theirs]


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))


def _verdict(wrong: Sequence[str]) -> Verdict:
    return ("failed", "; ".join(wrong)) if wrong else ("passed", "")


RUNNERS: Mapping[str, Callable[[Case], Verdict]] = {
    **dict.fromkeys(("config", "fake_config", "eager_place", "eager_place_3cpu", "gpu_eager_place"), run_code),
    "eager_scope": run_eager_scope,
    "function_scope": run_function_scope,
    "gpu_virtual": run_virtual,
    "gpu_default_limit": run_default_limit,
}
