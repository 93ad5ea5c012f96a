"""How a machine's description is refused: the error with the place of the fault, and the nearest names that exist."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable
from itertools import islice

from simgpu.errors import MachineError

Path = tuple[str | int, ...]
"""Where in a description: keys of mappings and positions in lists, outermost first. `()` is the description itself."""


class MachineKeyError(MachineError):
    """A machine description that cannot be meant. `path` is the place of the fault, for readers that know its line."""

    def __init__(self, reason: str, path: Path = ()) -> None:
        super().__init__(f"{show_path(path)}: {reason}" if path else reason)
        self.reason = reason
        self.path = path

    def __reduce__(self) -> tuple[type[MachineKeyError], tuple[str, Path]]:
        return type(self), (self.reason, self.path)


def show_path(path: Path) -> str:
    """Write a path as a reader would: `hosts[1].gpus`, `split["GPU:0"][2]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif not step.isidentifier():
            text += f'["{shorten(step)}"]'
        else:
            text += f".{step}" if text else step
    return text


def shorten(text: str) -> str:
    """Cut a text that came from outside to a length that a message bears."""
    return text if len(text) <= 60 else text[:57] + "..."


def show(value: object) -> str:
    """Write a value that came from outside as Python would, cut to a length that a message bears."""
    return repr(shorten(value)) if isinstance(value, str) else reprlib.repr(value)


def listed(names: Iterable[str], *, most: int = 8) -> str:
    """Write the first names, and dots if there are more."""
    first = list(islice(names, most + 1))
    return ", ".join(first[:most]) + (", ..." if len(first) > most else "")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the known names, in small letters, nearest to a wrong one, best first; or all if none is near."""
    names = list(known)
    nearest = difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.5)
    if nearest:
        return f"did you mean {' or '.join(map(repr, nearest))}?"
    return f"known are {', '.join(names)}"
