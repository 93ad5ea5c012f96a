"""Where an eager operation runs, where its inputs must be, and what it makes: decided by the placer that graphs use."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simgpu.arrays.kind import Site
from simgpu.arrays.rules import Rules
from simgpu.arrays.scopes import ANYWHERE
from simgpu.errors import DeviceMismatchError, PlacementError
from simgpu.graph import GraphBuilder, TensorSpec
from simgpu.kernels import OperationRule, rule
from simgpu.machine import Machine
from simgpu.naming import DeviceSpec, short_name
from simgpu.placement import Placement, place

CONSTANT = "_EagerConst"
VARIABLE = "VarHandleOp"
_NAMES = {CONSTANT: "constant", VARIABLE: "Variable"}


@dataclass(frozen=True, slots=True)
class Decision:
    """Where one operation runs, and why. `reads` are the memories in which its inputs must lie.

    `outputs` is empty if their shapes follow from values, which are known only after the operation has run.
    """

    rule: OperationRule
    device: int
    reason: str
    reads: tuple[int, ...]
    writes: tuple[Site, ...]
    outputs: tuple[TensorSpec, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """What a decision depends on."""

    type: str
    inputs: tuple[TensorSpec, ...]
    sites: tuple[Site, ...]
    attributes: Mapping[str, Any]
    rules: Rules
    request: DeviceSpec


@dataclass(frozen=True, slots=True)
class Placed:
    """What a decision says of devices. It does not depend on shapes, nor under `follows_inputs` on attributes."""

    device: int
    reason: str
    reads: tuple[int, ...]
    writes: tuple[Site, ...]


def decide(machine: Machine, call: Call, *, soft: bool, placed: dict[Hashable, Placed] | None = None) -> Decision:
    """Decide where an operation runs. Raises PlacementError, DeviceMismatchError, GraphError (shapes do not fit).

    `placed` keeps what was decided before, for calls that differ only in shapes, or in values of attributes.
    """
    row = rule(call.type)
    outputs = row.infer(call.inputs, call.attributes) if row.compute_dynamic is None else ()
    if placed is None or not call.rules.follows_inputs:
        found = _placed(machine, call, outputs, soft=soft)
    else:
        dtypes = tuple(spec.dtype for spec in call.inputs), tuple(spec.dtype for spec in outputs)
        key = (call.type, dtypes, call.sites, call.rules, call.request)
        found = placed.get(key) or placed.setdefault(key, _placed(machine, call, outputs, soft=soft))
    return Decision(row, found.device, found.reason, found.reads, found.writes, outputs)


def _placed(machine: Machine, call: Call, outputs: Sequence[TensorSpec], *, soft: bool) -> Placed:
    placement = _place(machine, call, outputs, soft=soft)
    index = len(call.inputs)
    device = placement.devices[index]
    reads = placement.input_devices(index)
    writes = tuple(Site(device, placement.memory_device(tensor)) for tensor in placement.graph.operation(index).outputs)
    if call.rules.mixed != "copy" and any(_is_refused(call, slot, device) for slot in range(index)):
        raise DeviceMismatchError(_mismatch(machine, call, device))
    return Placed(device, placement.reasons[index], reads, writes)


def decide_source(
    machine: Machine, type: str, dtype: str, rules: Rules, request: DeviceSpec, *, soft: bool
) -> Decision:
    """Decide where TensorFlow's operation for something from outside goes: `_EagerConst`, or `VarHandleOp`.

    It has no inputs on any device, and its shape does not matter.
    """
    spec = TensorSpec((), dtype)
    builder = GraphBuilder()
    if type == CONSTANT:
        inputs = builder.add("Input", outputs=[spec], name="value", attributes={"spec": spec})
        attributes, outputs = {"T": dtype}, [spec]
    else:
        inputs, attributes, outputs = (), {"dtype": dtype}, [TensorSpec((), "resource")]
    asked = _checked(request if request != ANYWHERE else rules.default, _NAMES[type])
    builder.add(type, inputs, outputs=outputs, name=_NAMES[type], attributes=attributes, device=str(asked))
    placement = place(builder.build(), machine, kernels=rules.kernels, soft=soft)
    device = placement.devices[len(inputs)]
    memory = placement.memory_device(placement.graph.operation(len(inputs)).outputs[0])
    site = Site(device, memory if type == CONSTANT else device)
    return Decision(rule("Variable"), device, placement.reasons[len(inputs)], (), (site,), (spec,))


def _is_refused(call: Call, slot: int, device: int) -> bool:
    is_free_to_move = call.rules.mixed == "copy-int32" and call.inputs[slot].dtype == "int32"
    return call.sites[slot].device != device and not is_free_to_move


def _place(machine: Machine, call: Call, outputs: Sequence[TensorSpec], *, soft: bool) -> Placement:
    """Place the operation alone, behind inputs that are where they are."""
    builder = GraphBuilder()
    inputs = [
        builder.add("Input", outputs=[spec], name=f"input {number}", attributes={"spec": spec})[0]
        for number, spec in enumerate(call.inputs)
    ]
    request = _request(machine, call)
    builder.add(call.type, inputs, outputs=outputs, name=call.type, attributes=call.attributes, device=str(request))
    return place(builder.build(), machine, kernels=call.rules.kernels, soft=soft)


def _request(machine: Machine, call: Call) -> DeviceSpec:
    """Return the device that scopes, or the inputs, or the default ask for."""
    if not (call.rules.follows_inputs and call.sites):
        return _checked(call.request if call.request != ANYWHERE else call.rules.default, call.type)
    devices = {site.device for site in call.sites}
    if len(devices) > 1:
        raise DeviceMismatchError(_mismatch(machine, call, None))
    return machine.devices[devices.pop()].spec


def _checked(request: DeviceSpec, who: str) -> DeviceSpec:
    """Refuse a number below 0: a name may have it, but no device, and soft placement does not forgive it either."""
    if request.device_index is not None and request.device_index < 0:
        raise PlacementError(f"{who} asks for {request}; devices are numbered from 0")
    return request


def _mismatch(machine: Machine, call: Call, device: int | None) -> str:
    names = [short_name(machine.devices[site.device].name) for site in call.sites]
    target = "" if device is None else f" and runs on {short_name(machine.devices[device].name)}"
    advice = "move them to one device first (`x.to_device(...)`)"
    if len({*names}) == 1:
        advice = f"ask for {names[0]} (`with simgpu.device(...)`)"
    other = "" if call.rules.follows_inputs else ', or let a runtime copy them: mixed="copy"'
    return f"{call.type} has inputs on {', '.join(names)}{target}; {advice}{other}"
