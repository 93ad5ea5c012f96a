"""From nodes of any opset to operations of the table: inputs that only parametrise become attributes.

A row of SETTINGS names the attributes that the inputs from the second on turn into. ADJUST holds what else differs
between the opsets, one small function per operator; each changes a `Call` in place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simgpu.errors import ModelFileError
from simgpu.graph import TensorSpec
from simgpu.readers.onnx.file import DTYPES
from simgpu.readers.onnx.model import Array, Node, scalar
from simgpu.readers.onnx.values import Tensors


@dataclass(slots=True)
class Call:
    """A node on its way to becoming an operation. `batches`: the file's and the one that is read, if they differ."""

    node: Node
    opset: int
    known: Tensors
    type: str
    inputs: list[str]
    attributes: dict[str, Any]
    batches: tuple[int, int] | None = None

    def refuse(self, why: str) -> ModelFileError:
        """Return the error that says why this node cannot be read."""
        return ModelFileError(f"{self.node.label}: {why}")

    def spec(self, slot: int) -> TensorSpec:
        """Shape and dtype of an input."""
        if slot >= len(self.inputs) or not self.inputs[slot]:
            raise self.refuse(f"lacks its input {slot}")
        return self.known.specs[self.inputs[slot]]

    def constant(self, slot: int, meaning: str) -> Array:
        """Return the value of an input that must be settled. Raises ModelFileError if it is made at run time."""
        self.spec(slot)
        value = self.known.small(self.inputs[slot])
        if value is None:
            raise self.refuse(
                f"takes {meaning} from {self.inputs[slot]!r}, which is computed at run time or has more than a few "
                "thousand elements; simgpu needs shapes and the like when it reads a model"
            )
        return value


SETTINGS: dict[str, tuple[str, ...]] = {
    "Clip": ("min", "max"),
    "Dropout": ("ratio", "training_mode"),
    "Expand": ("shape",),
    "Pad": ("pads", "value", "axes"),
    "ReduceMax": ("axes",),
    "ReduceMean": ("axes",),
    "ReduceMin": ("axes",),
    "ReduceSum": ("axes",),
    "Reshape": ("shape",),
    "Slice": ("starts", "ends", "axes", "steps"),
    "Split": ("split",),
    "Squeeze": ("axes",),
    "Tile": ("repeats",),
    "Unsqueeze": ("axes",),
}
"""Attribute names for the inputs from the second on."""

SCALARS = frozenset({"max", "min", "ratio", "training_mode", "value"})
"""Settings of one element; the others are tuples."""

WITHOUT_EFFECT = frozenset({"consumed_inputs", "is_test", "momentum", "seed", "stash_type", "storage_order"})
"""Attributes that change nothing at inference, or only outputs that are refused when somebody reads them."""

LEGACY_BROADCAST = frozenset(
    {"Add", "And", "Div", "Equal", "Gemm", "Greater", "Less", "Mul", "Or", "Pow", "Sub", "Xor"}
)

LARGEST_WINDOW = 2**22
"""Taps times places of one axis: more than any image, audio or text needs."""


def translate_call(call: Call) -> None:
    """Turn settings into attributes and even out the opsets. Raises ModelFileError for what simgpu cannot do."""
    _take_settings(call)
    _refuse_gaps(call)
    if call.type in LEGACY_BROADCAST and call.opset < 7:
        _legacy_broadcast(call)
    if call.type in ADJUST:
        ADJUST[call.type](call)
    for name in WITHOUT_EFFECT & call.attributes.keys():
        del call.attributes[name]


def _take_settings(call: Call) -> None:
    names = SETTINGS.get(call.type, ())
    for slot, name in enumerate(names, start=1):
        if slot < len(call.inputs) and call.inputs[slot]:
            value = call.constant(slot, name)
            if value.size == 0 and name in SCALARS:
                continue
            call.attributes[name] = scalar(value) if name in SCALARS else tuple(value.reshape(-1).tolist())
    if names:
        del call.inputs[1:]


def _refuse_gaps(call: Call) -> None:
    while call.inputs and not call.inputs[-1]:
        call.inputs.pop()
    if "" in call.inputs:
        raise call.refuse(f"leaves out its input {call.inputs.index('')}, which simgpu needs")


def _legacy_broadcast(call: Call) -> None:
    axis = call.attributes.pop("axis", None)
    call.attributes.pop("broadcast", None)
    if axis is not None and len(call.inputs) > 1:
        tail = len(call.spec(0).shape) - len(call.spec(1).shape)
        if axis not in (tail, -len(call.spec(1).shape)):
            raise call.refuse(
                f"broadcasts from axis {axis}, as opsets before 7 did; convert the model to opset 7 or later"
            )


def _batch_normalization(call: Call) -> None:
    spatial = call.attributes.pop("spatial", 1)
    training = call.attributes.pop("training_mode", 0) or (call.opset < 7 and not call.attributes.get("is_test", 0))
    if not spatial:
        raise call.refuse("normalises each pixel by itself (spatial=0), which simgpu does not do")
    if training:
        raise call.refuse("is in training mode; export the model for inference")


def _dropout(call: Call) -> None:
    training = call.attributes.pop("training_mode", False) or (call.opset < 7 and not call.attributes.get("is_test", 0))
    if training:
        raise call.refuse("is in training mode; export the model for inference")


def _reshape(call: Call) -> None:
    shape, source = list(call.attributes.get("shape", ())), call.spec(0).shape
    if not call.attributes.pop("allowzero", 0):
        if any(dim == 0 and axis >= len(source) for axis, dim in enumerate(shape)):
            raise call.refuse(f"keeps a dimension (0 in {tuple(shape)}) that its input of shape {source} does not have")
        shape = [source[axis] if dim == 0 else dim for axis, dim in enumerate(shape)]
    call.attributes["shape"] = _with_batch(call, shape)


def _with_batch(call: Call, shape: list[int]) -> tuple[int, ...]:
    """Return the target shape at the batch that is read; the file's own was written down for the file's batch."""
    given = call.attributes.get("shape", ())
    fixed = len(call.node.inputs) < 2 or not call.known.values[call.node.inputs[1]].from_shape
    carries = call.node.inputs[0] in call.known.with_batch
    if call.batches is None or not (fixed and carries) or not shape or given[0] in (0, -1):
        return tuple(shape)
    before, now = call.batches
    if shape[0] == before and call.spec(0).shape[:1] == (now,):
        return (now, *shape[1:])
    if -1 not in shape and math.prod(shape) == call.spec(0).size:
        return tuple(shape)
    raise call.refuse(
        f"reshapes to {tuple(given)}, which does not start with the file's batch of {before}, so it cannot be read "
        f"with a batch of {now}; export the model with a symbolic batch, or read it with batch={before}"
    )


def _softmax(call: Call) -> None:
    """Before opset 13, a softmax goes over all axes from `axis` on."""
    if call.opset < 13:
        axis = call.attributes.setdefault("axis", 1)
        if axis not in (-1, len(call.spec(0).shape) - 1):
            call.attributes["flatten"] = 1


def _cast(call: Call) -> None:
    number = call.attributes.get("to")
    if isinstance(number, str):
        number = next((key for key, name in DTYPES.items() if name == number.lower()), None)
    if number not in DTYPES:
        raise call.refuse(f"casts to ONNX data type {number}, which simgpu does not have")
    call.attributes = {"dtype": DTYPES[number]}


def _split(call: Call) -> None:
    shape = call.spec(0).shape
    axis = call.attributes.get("axis", 0)
    if not -len(shape) <= axis < len(shape):
        raise call.refuse(f"splits axis {axis} of a tensor of shape {shape}")
    call.attributes.pop("num_outputs", None)
    if "split" not in call.attributes:
        parts = len(call.node.outputs)
        each = -(-shape[axis] // parts)
        call.attributes["split"] = (*[each] * (parts - 1), shape[axis] - each * (parts - 1))


def _pad(call: Call) -> None:
    axes, pads = call.attributes.pop("axes", None), call.attributes.pop("paddings", call.attributes.get("pads", ()))
    rank = len(call.spec(0).shape)
    if axes is not None:
        if len(pads) != 2 * len(axes) or not all(-rank <= axis < rank for axis in axes):
            raise call.refuse(f"pads axes {axes} of a tensor with {rank} dimensions by {pads}")
        full = [0] * (2 * rank)
        for place, axis in enumerate(axes):
            full[axis % rank], full[rank + axis % rank] = pads[place], pads[len(axes) + place]
        pads = tuple(full)
    call.attributes["pads"] = pads


def _pool(call: Call) -> None:
    """Refuse windows of a damaged file before their positions are counted one by one."""
    sizes, kernel = call.spec(0).shape[2:], call.attributes.get("kernel_shape", ())
    pads = call.attributes.get("pads") or (0,) * (2 * len(sizes))
    strides = call.attributes.get("strides") or (1,) * len(sizes)
    for size, taps, begin, end, stride in zip(sizes, kernel, pads, pads[len(sizes) :], strides, strict=False):
        places = (size + begin + end - taps) // max(1, stride) + 1
        if places * taps > LARGEST_WINDOW:
            raise call.refuse(f"slides {taps} taps over {places} places of an axis; is the file damaged?")


ADJUST: dict[str, Callable[[Call], None]] = {
    "AveragePool": _pool,
    "BatchNormalization": _batch_normalization,
    "Cast": _cast,
    "Dropout": _dropout,
    "LogSoftmax": _softmax,
    "MaxPool": _pool,
    "Pad": _pad,
    "Reshape": _reshape,
    "Softmax": _softmax,
    "Split": _split,
}
