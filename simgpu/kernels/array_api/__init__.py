"""Rows for the functions of the Python array API standard 2025.12 that make arrays, under the standard's own names.

`add` is a function of the main namespace, `linalg.svd` and `fft.rfft` are functions of its extensions. Attributes have
the names of the standard's parameters. Semantics are those of the standard, and NumPy's where it leaves a choice.
"""

from simgpu.kernels.array_api import (
    creation,
    decompositions,
    elementwise,
    fourier,
    indexing,
    manipulation,
    products,
    searching,
    statistics,
    systems,
)
from simgpu.kernels.array_api.keys import key_attribute

ROWS = (
    *creation.ROWS,
    *decompositions.ROWS,
    *elementwise.ROWS,
    *fourier.ROWS,
    *indexing.ROWS,
    *manipulation.ROWS,
    *products.ROWS,
    *searching.ROWS,
    *statistics.ROWS,
    *systems.ROWS,
)

__all__ = ["ROWS", "key_attribute"]
