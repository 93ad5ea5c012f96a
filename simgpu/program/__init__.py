"""A placed graph made ready to run: what both engines share."""

from simgpu.program.lowering import lower
from simgpu.program.program import CALLER, Buffer, Program, Task, TaskKind, launching_gpu
from simgpu.program.progress import Progress
from simgpu.program.recorder import Recorder

__all__ = ["CALLER", "Buffer", "Program", "Progress", "Recorder", "Task", "TaskKind", "launching_gpu", "lower"]
