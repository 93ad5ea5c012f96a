"""From arguments to an exit status. Every error, or warning, is one paragraph on stderr, never a traceback.

0: done. 1: the engines disagree. 2: bad input. 3: a device ran out of memory. 130: interrupted. 141: nobody reads the
output: a pipe that broke, or a standard output that was closed from the start.
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, cast

from simgpu.errors import OutOfDeviceMemory, SimgpuError

BAD_INPUT = 2
OUT_OF_MEMORY = 3
INTERRUPTED = 130
BROKEN_PIPE = 141  # as the shell reports a program that SIGPIPE ended


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status. Without `arguments`, those of the process."""
    is_heard = sys.stdout is not None
    with _usable_streams(), _plain_warnings():
        try:
            status = _status(arguments)
        except KeyboardInterrupt:  # a second one, while the first was dealt with
            status = INTERRUPTED
    return status if is_heard or status else BROKEN_PIPE


@contextlib.contextmanager
def _usable_streams() -> Iterator[None]:
    """Put streams that lead nowhere in the place of closed ones, and let the others write any character.

    Python has None for a stream that is closed from the start, and prints what is meant for it on stdout.
    """
    with contextlib.ExitStack() as streams:
        for name, redirect in (("stdout", contextlib.redirect_stdout), ("stderr", contextlib.redirect_stderr)):
            stream: Any = getattr(sys, name)
            if stream is None:
                nowhere = streams.enter_context(open(os.devnull, "w", encoding="utf-8"))
                streams.enter_context(redirect(nowhere))
            else:
                with contextlib.suppress(AttributeError):
                    stream.reconfigure(errors="backslashreplace")
        yield


@contextlib.contextmanager
def _plain_warnings() -> Iterator[None]:
    """Show warnings for users as paragraphs, without the file and the line of code that they come from."""
    usual = warnings.formatwarning

    def formatted(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
    ) -> str:
        if not issubclass(category, UserWarning):
            return usual(message, category, filename, lineno, line)
        return f"simgpu: warning: {' '.join(str(message).split())}\n"

    warnings.formatwarning = formatted
    try:
        yield
    finally:
        warnings.formatwarning = usual


def _status(arguments: Sequence[str] | None) -> int:
    try:
        status = _run(arguments)
        sys.stdout.flush()
    except OutOfDeviceMemory as error:
        return _refuse(error, OUT_OF_MEMORY)
    except BrokenPipeError:
        return _leave_quietly()
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
    """Parse and run a command. Not by its `main`, which would make exit statuses of its own of interrupts and pipes."""
    from typer import BadParameter, Exit
    from typer.main import get_command

    from simgpu.cli.app import app

    command = get_command(app)
    wrong_usage = cast(type[Exception], BadParameter.__mro__[1])  # typer has moved this class, and does not name it
    try:
        with command.make_context("simgpu", list(sys.argv[1:] if arguments is None else arguments)) as context:
            command.invoke(context)
    except Exit as stop:
        return stop.exit_code
    except wrong_usage as error:
        cast(Any, error).show()
        return BAD_INPUT
    return 0


def _refuse(error: object, status: int) -> int:
    notes = getattr(error, "__notes__", [])
    try:
        sys.stdout.flush()
        print(f"simgpu: error: {' '.join('; '.join([str(error), *notes]).split())}", file=sys.stderr, flush=True)
    except BrokenPipeError:
        return _leave_quietly()
    return status


def _leave_quietly() -> int:
    """Nobody reads on: what is left in the streams must not become an error when the process ends."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
    return BROKEN_PIPE
