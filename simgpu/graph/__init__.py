"""The work: operations, tensors, requested devices."""

from simgpu.graph.builder import GraphBuilder, Tensor
from simgpu.graph.graph import BACK_EDGE_SOURCE, Graph, GraphData, Operation
from simgpu.graph.initializers import Constant, Data, Initializer, Normal, Uniform
from simgpu.graph.rows import MadeOnDemand, Rows
from simgpu.graph.tensors import INTEGER_DTYPES, ITEM_BYTES, TensorSpec

__all__ = [
    "BACK_EDGE_SOURCE",
    "INTEGER_DTYPES",
    "ITEM_BYTES",
    "Constant",
    "Data",
    "Graph",
    "GraphBuilder",
    "GraphData",
    "Initializer",
    "MadeOnDemand",
    "Normal",
    "Operation",
    "Rows",
    "Tensor",
    "TensorSpec",
    "Uniform",
]
