"""Workloads of the DNN partitioning benchmark to graphs and machines."""

from simgpu.readers.partitioning.problem import PartitioningProblem, read_partitioning

__all__ = ["PartitioningProblem", "read_partitioning"]
