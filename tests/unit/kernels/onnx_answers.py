"""What ONNX Runtime computes for one operation: the outside truth of the operation table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnxruntime
from onnx import ValueInfoProto, helper

Answer = Callable[..., Sequence[np.ndarray]]


def onnx_says(
    type: str, *constants: np.ndarray, opset: int = 17, outputs: int = 1, attributes: dict[str, Any] | None = None
) -> Answer:
    """Return a function from the inputs of an operation to its outputs. `constants` are inputs after those."""

    def answer(*inputs: np.ndarray) -> Sequence[np.ndarray]:
        feeds = {f"x{number}": array for number, array in enumerate((*inputs, *constants))}
        names = [f"y{number}" for number in range(outputs)]
        node = helper.make_node(type, list(feeds), names, **(attributes or {}))
        taken = [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
            for name, array in feeds.items()
        ]
        given = [ValueInfoProto(name=name) for name in names]
        model = helper.make_model(
            helper.make_graph([node], "one", taken, given),
            opset_imports=[helper.make_opsetid("", opset)],
            ir_version=8,
        )
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        return session.run(names, feeds)

    return answer
