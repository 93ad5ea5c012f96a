"""Run recorded cases of TensorFlow's GPU kernels: one operation on `/device:GPU:0`, hard, for each of 15 dtypes.

`GPU` and `CPU` tell which kernel there is, `none` that there is none at all, `invalid` that the operation does not
accept the dtype. The kernel table lists kernels for GPUs and takes CPU kernels for granted. So `GPU` must be placed;
`CPU` and `none` must be refused; about `invalid`, an operation that nobody can make, nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simgpu.errors import PlacementError
from simgpu.kernels.tensorflow_table import tensorflow_table
from simgpu.machine import Machine
from simgpu.placement import place
from tests.oracle.tensorflow_graphs import build_graph

VARIED = ("T", "dtype", "SrcT", "Tparams", "Tidx")
"""The type attribute that a case varies, where the operation has several: the first of these."""

SPECIAL = {
    "Cast_to_f32": ("Cast", "SrcT", {"DstT": "float32"}),
    "Cast_from_f32": ("Cast", "DstT", {"SrcT": "float32"}),
    "RandomUniform": ("RandomUniform", "dtype", {"T": "int32"}),
    "RandomUniformInt": ("RandomUniformInt", "Tout", {"T": "int32"}),
}
"""Cases with another name than their operation's, or another attribute: operation, attribute, other attributes."""


def run_case(case: Mapping[str, Any]) -> tuple[str, str]:
    """Return `passed` or `failed`, and the dtypes that differ."""
    given = case["input"]
    claimed = {dtype: kind == "GPU" for dtype, kind in case["expect"]["placement"].items() if kind != "invalid"}
    wrong = [
        f"{dtype}: {'no GPU kernel, but TensorFlow has one' if expected else 'a GPU kernel, but TensorFlow has none'}"
        for dtype, expected in claimed.items()
        if is_placed(given["op"], dtype, given["device"]) != expected
    ]
    return ("failed", f"{given['op']}: {'; '.join(wrong)}") if wrong else ("passed", "")


def is_placed(name: str, dtype: str, device: str) -> bool:
    """Tell whether an operation on a dtype can be placed on a device of one GPU's machine, without falling back."""
    node = {"name": "x", "op": name, "attrs": {}, "device": device}
    if name in SPECIAL:
        node["op"], attribute, others = SPECIAL[name]
        node["attrs"] = {attribute: dtype, **others}
    else:
        attributes = tensorflow_table().operations[name].attributes
        node["attrs"] = {next((known for known in VARIED if known in attributes), "T"): dtype}
    try:
        placement = place(build_graph([node]), Machine("t4"), kernels="tensorflow", soft=False)
    except PlacementError:
        return False
    return placement.device_of("x").endswith(device)
