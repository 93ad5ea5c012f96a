"""Errors in the words of the command line: `--batch 8` for `batch=8`, `--soft` for `soft=True`.

The library speaks of its arguments. What a user of a command can write instead is an option, or a key of the scenario.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from simgpu.errors import SimgpuError

_OPTIONS = (
    (r"(?<![\w-])soft=True\b", "--soft"),
    (r"(?<![\w-])soft=False\b", "--hard"),
    (r"(?<![\w-])(engine|storage|links|kernels)=(?=')", r"--\1 "),
    (r"\A(seed|weights) is\b", r"--\1 is"),
    (r"`shape` storage\b", "--storage shape"),
    (r"\bstorage: shape\b", "--storage shape"),
)
_OF_A_MODEL = (
    (r"(?<![\w-])batch=([0-9]+)\b", r"--batch \1"),
    (r"(?<![\w-])batch=\.\.\.", "--batch N"),
    (r"\A(batch|stages|microbatches|schedule) is\b", r"--\1 is"),
    (r", or None for the file's own", "; without it, the file's own is taken"),
    (r"(?<![\w-])shapes=\{.*?\}", "`shapes` in a scenario file"),
    (r"use --storage shape, which holds no bytes, or lower the batch", "lower --batch"),
)
_OF_A_SCENARIO = (
    (r"\A(stages|microbatches|schedule) is\b", r"`\1` in the scenario's `model` is"),
    (r"(?<![\w-])batch=([0-9]+)\b", r"`batch: \1` in the scenario's `model`"),
    (r"(?<![\w-])batch=\.\.\.", "`batch` in the scenario's `model`"),
    (r"(?<![\w-])shapes=\{.*?\}", "`shapes` in the scenario's `model`"),
)


@contextmanager
def words_of_the_command_line(*, of_a_scenario: bool) -> Iterator[None]:
    """Reword the errors raised inside, for a command that runs a scenario file, or one that is given a model."""
    try:
        yield
    except SimgpuError as error:
        error.args = (reworded(str(error), of_a_scenario=of_a_scenario), *error.args[1:])
        raise


def reworded(message: str, *, of_a_scenario: bool) -> str:
    """Return a message with options in place of arguments."""
    for pattern, words in (*_OPTIONS, *(_OF_A_SCENARIO if of_a_scenario else _OF_A_MODEL)):
        message = re.sub(pattern, words, message)
    return message
