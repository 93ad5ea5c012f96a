"""Costs from data sheets: an operation is bound by arithmetic or by memory, whichever takes longer.

time = max(FLOP / peak FLOP/s of the dtype, bytes / memory bandwidth), rounded up to a picosecond.
(S. Williams, A. Waterman, D. Patterson: Roofline, CACM 52(4), 2009.) It is a lower bound: real kernels reach a part of
either peak.
"""

from __future__ import annotations

from simgpu.costs.cost import Cost
from simgpu.errors import check_type
from simgpu.graph import Operation
from simgpu.kernels import rule
from simgpu.machine import LogicalDevice, Machine
from simgpu.units import PS_PER_US, transfer_ps

CPU_PART_PS = 13 * PS_PER_US
"""Work of a CPU below which a part is not cut again: Eigen's kTaskSize, 40,000 cycles (TensorCostModel.h), at 3 GHz."""


class Roofline:
    """Roofline costs on the devices of one machine."""

    def __init__(self, machine: Machine) -> None:
        check_type(machine, Machine, "machine", "a Machine; make one: Machine('2 x t4')")
        self._machine = machine

    def cost(self, operation: Operation, device: LogicalDevice) -> Cost:
        """Return the cost of one execution. Raises UnknownOperation for a type outside the kernel table."""
        physical = self._machine.physical_devices[device.physical]
        inputs, outputs = operation.input_specs, operation.output_specs
        work = rule(operation.type).work(inputs, outputs, operation.attributes)
        dtype = (*outputs, *inputs)[0].dtype if outputs or inputs else "float32"
        full_ps = max(
            transfer_ps(work.flop, physical.model.peak_for(dtype)),
            transfer_ps(work.bytes, physical.model.memory_bandwidth_bytes_per_s),
        )
        if device.kind != "CPU":
            return Cost(full_ps)
        return _cut(full_ps, self._machine.hosts[physical.host].intra_op_threads)


def _cut(full_ps: int, threads: int) -> Cost:
    """Cut what takes `full_ps` on all threads together into parts for one thread each."""
    serial_ps = full_ps * threads
    parts = max(1, min(threads, serial_ps // CPU_PART_PS))
    return Cost(-(-serial_ps // parts), parts)
