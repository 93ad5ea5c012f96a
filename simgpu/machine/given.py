"""Checks of values from outside: each returns the value as the type it must have, or refuses it with its path."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar, cast

from simgpu.errors import InvalidValue
from simgpu.machine.refusal import MachineKeyError, Path, did_you_mean, show

Given = Mapping[object, object]
_Choice = TypeVar("_Choice", bound=str)


def as_mapping(given: object, path: Path, expected: str = "a mapping") -> Given:
    """Return a mapping, or refuse the value in terms of what was expected."""
    if not isinstance(given, Mapping):
        raise MachineKeyError(f"{show(given)} is not {expected}", path)
    return given


def as_list(given: object, path: Path, expected: str = "a list") -> Sequence[object]:
    """Return a sequence that is not text."""
    if isinstance(given, str | bytes) or not isinstance(given, Sequence):
        raise MachineKeyError(f"{show(given)} is not {expected}", path)
    return given


def as_text(given: object, path: Path) -> str:
    """Return a text."""
    if not isinstance(given, str):
        raise MachineKeyError(f"{show(given)} is not text", path)
    return given


def as_count(given: object, path: Path, *, most: int, what: str) -> int:
    """Return a whole number from 1 to `most`."""
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= most:
        raise MachineKeyError(f"{show(given)} is not {what} from 1 to {most}", path)
    return given


def as_whole(given: object, path: Path) -> int:
    """Return a whole number from 0."""
    if isinstance(given, bool) or not isinstance(given, int) or given < 0:
        raise MachineKeyError(f"{show(given)} is not a whole number from 0", path)
    return given


def as_flag(given: object, path: Path) -> bool:
    """Return a truth value."""
    if not isinstance(given, bool):
        raise MachineKeyError(f"{show(given)} is neither true nor false", path)
    return given


def as_choice(given: object, choices: Sequence[_Choice], path: Path) -> _Choice:
    """Return one of the choices."""
    for choice in choices:
        if given == choice:
            return choice
    raise MachineKeyError(f"{show(given)} is not one of {', '.join(choices)}", path)


def as_amount(parse: Callable[[str], int], given: object, path: Path) -> int:
    """Return what a parser of `units` makes of a value; its complaint gets the path."""
    try:
        return parse(cast(str, given))  # the parsers refuse other types themselves, in words
    except InvalidValue as error:
        raise MachineKeyError(str(error), path) from error


def check_keys(given: Given, known: Sequence[str], path: Path) -> None:
    """Refuse a key that is not known, with the nearest one that is."""
    for key in given:
        if key not in known:
            name = key if isinstance(key, str) else show(key)
            raise MachineKeyError(f"unknown key {show(key)}; {did_you_mean(name, known)}", (*path, name))
