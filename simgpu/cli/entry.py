"""From arguments to an exit status. Every error is one paragraph on stderr, never a traceback.

0: done. 1: the engines disagree. 2: bad input. 3: a device ran out of memory. 130: interrupted.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence

from simgpu.errors import OutOfDeviceMemory, SimgpuError

BAD_INPUT = 2
OUT_OF_MEMORY = 3
INTERRUPTED = 130
BROKEN_PIPE = 141  # as the shell reports a program that SIGPIPE ended


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status. Without `arguments`, those of the process."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        status = _run(arguments)
        sys.stdout.flush()
    except OutOfDeviceMemory as error:
        return _refuse(error, OUT_OF_MEMORY)
    except BrokenPipeError:
        with contextlib.suppress(OSError, ValueError):  # nobody reads on: what is left must not be an error at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except MemoryError:
        return _refuse(
            "this computer has not enough memory for that; lower the batch, or use --storage shape", BAD_INPUT
        )
    except (SimgpuError, OSError) as error:
        return _refuse(error, BAD_INPUT)
    except KeyboardInterrupt:
        return _refuse("interrupted", INTERRUPTED)
    return status


def _run(arguments: Sequence[str] | None) -> int:
    from typer.main import get_command

    from simgpu.cli.app import app

    command = get_command(app)
    try:
        command.main(args=None if arguments is None else list(arguments), prog_name="simgpu")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(bool(stop.code))
    return 0


def _refuse(error: object, status: int) -> int:
    print(f"simgpu: error: {' '.join(str(error).split())}", file=sys.stderr)
    return status
