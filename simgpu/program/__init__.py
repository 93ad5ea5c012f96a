"""A placed graph made ready to run: what both engines share."""

from simgpu.program.lowering import lower
from simgpu.program.program import CALLER, KINDS, Buffer, Program, Task, TaskKind, launching_gpus
from simgpu.program.progress import Progress
from simgpu.program.recorder import Recorder

__all__ = [
    "CALLER",
    "KINDS",
    "Buffer",
    "Program",
    "Progress",
    "Recorder",
    "Task",
    "TaskKind",
    "launching_gpus",
    "lower",
]
