"""Hard caps: the ledger that grants and takes back the memory of a device."""

from simgpu.memory.pool import UNIT_BYTES, Block, MemoryPool, needed_bytes
from simgpu.memory.statistics import MemoryStatistics

__all__ = ["UNIT_BYTES", "Block", "MemoryPool", "MemoryStatistics", "needed_bytes"]
