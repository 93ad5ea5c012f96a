"""Windows that slide over the spatial axes of an image: the geometry that convolution and pooling share.

A window is seen as its taps. Tap k of an axis meets input `i * stride + k * dilation - begin` at output i; the outputs
for which that lies inside the input form one slice. So no padded copy of the input is needed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, NamedTuple

from simgpu.errors import GraphError
from simgpu.kernels.rows import choice, ints
from simgpu.kernels.rules import Attributes

AUTO_PADS = ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID")
WINDOW_ATTRIBUTES = "kernel_shape strides pads dilations auto_pad"


class Tap(NamedTuple):
    """One position of the kernel: the outputs that it reaches, and the inputs that they meet. `...` leads both."""

    outputs: tuple[Any, ...]
    inputs: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """A sliding window, with one entry for each spatial axis. `begins` and `ends` are the padding."""

    sizes: tuple[int, ...]
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    begins: tuple[int, ...]
    ends: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def is_pointwise(self) -> bool:
        """True if each output meets the one input at its own place."""
        return math.prod(self.kernel) == 1 and set(self.strides) <= {1} and self.sizes == self.outputs

    def taps(self) -> Iterator[Tap]:
        """Yield the taps in the order of the kernel's elements."""
        for spans in product(*map(self._spans, range(len(self.kernel)))):
            yield Tap((..., *(outputs for outputs, _ in spans)), (..., *(inputs for _, inputs in spans)))

    def counts(self, axis: int, *, padded: bool) -> list[int]:
        """How many taps of one axis meet the input, or with `padded` the input and its padding, for each output."""
        low, high = (-self.begins[axis], self.sizes[axis] + self.ends[axis]) if padded else (0, self.sizes[axis])
        taps, step = self.kernel[axis], self.dilations[axis]
        starts = (output * self.strides[axis] - self.begins[axis] for output in range(self.outputs[axis]))
        met = ((max(0, -((start - low) // step)), min(taps, -((start - high) // step))) for start in starts)
        return [max(0, behind - first) for first, behind in met]

    def _spans(self, axis: int) -> list[tuple[slice, slice]]:
        shifts = (tap * self.dilations[axis] - self.begins[axis] for tap in range(self.kernel[axis]))
        return [self._span(axis, shift) for shift in shifts]

    def _span(self, axis: int, shift: int) -> tuple[slice, slice]:
        stride, count = self.strides[axis], self.outputs[axis]
        low = min(max(0, -(shift // stride)), count)
        high = max(low, min(count, (self.sizes[axis] - 1 - shift) // stride + 1))
        start = low * stride + shift
        if low == high:
            return slice(low, low), slice(0, 0)
        return slice(low, high), slice(start, start + (high - low - 1) * stride + 1, stride)


def slide(sizes: Sequence[int], kernel: Sequence[int], attributes: Attributes) -> Window:
    """Return the window of an operation over an image of `sizes`, from its attributes as ONNX names them.

    An output is made wherever the whole kernel fits into the padded image; with `ceil_mode`, also where it sticks out
    at the end but does not start in the padding there.
    """
    rank = len(sizes)
    ones = (1,) * rank
    window = Window(
        sizes=tuple(sizes),
        kernel=tuple(kernel),
        strides=ints(attributes, "strides", ones, least=1),
        dilations=ints(attributes, "dilations", ones, least=1),
        begins=(0,) * rank,
        ends=(0,) * rank,
        outputs=(),
    )
    begins, ends = _padding(window, attributes)
    window = replace(window, begins=begins, ends=ends)
    return replace(window, outputs=_output_sizes(window, ceil=bool(attributes.get("ceil_mode", 0))))


def _padding(window: Window, attributes: Attributes) -> tuple[tuple[int, ...], tuple[int, ...]]:
    rank = len(window.sizes)
    pads = ints(attributes, "pads", (0,) * (2 * rank), least=0)
    auto_pad = choice(attributes, "auto_pad", AUTO_PADS)
    if auto_pad == "NOTSET":
        return pads[:rank], pads[rank:]
    if any(pads):
        raise GraphError(f"pads {pads} and auto_pad {auto_pad} exclude each other")
    if auto_pad == "VALID":
        return pads[:rank], pads[rank:]
    totals = [
        max((-(-size // stride) - 1) * stride + reach - size, 0)
        for size, stride, reach in zip(window.sizes, window.strides, _reach(window), strict=True)
    ]
    less, more = tuple(total // 2 for total in totals), tuple(total - total // 2 for total in totals)
    return (less, more) if auto_pad == "SAME_UPPER" else (more, less)


def _output_sizes(window: Window, *, ceil: bool) -> tuple[int, ...]:
    rooms = [
        begin + size + end - reach
        for begin, size, end, reach in zip(window.begins, window.sizes, window.ends, _reach(window), strict=True)
    ]
    if min(rooms, default=0) < 0:
        raise GraphError(
            f"a window of {window.kernel} with dilations {window.dilations} does not fit into an image of "
            f"{window.sizes} padded by {window.begins} and {window.ends}"
        )
    if not ceil:
        return tuple(room // stride + 1 for room, stride in zip(rooms, window.strides, strict=True))
    counts = [-(-room // stride) + 1 for room, stride in zip(rooms, window.strides, strict=True)]
    edges = zip(counts, window.strides, window.begins, window.sizes, strict=True)
    return tuple(count - ((count - 1) * stride >= begin + size) for count, stride, begin, size in edges)


def _reach(window: Window) -> list[int]:
    return [dilation * (taps - 1) + 1 for dilation, taps in zip(window.dilations, window.kernel, strict=True)]
