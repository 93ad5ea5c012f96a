"""Hard caps: the ledger that grants and takes back the memory of a device."""

from simgpu.memory.growth import FIRST_REGION_BYTES, GrowingPool
from simgpu.memory.pool import UNIT_BYTES, Block, MemoryPool, needed_bytes
from simgpu.memory.statistics import MemoryStatistics

__all__ = [
    "FIRST_REGION_BYTES",
    "UNIT_BYTES",
    "Block",
    "GrowingPool",
    "MemoryPool",
    "MemoryStatistics",
    "needed_bytes",
]
