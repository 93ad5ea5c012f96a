"""A JSON object from a file, of which every member, and every entry of a list in it, knows where it stands.

The outermost braces and lists are read here; what is inside them, by the decoder of the standard library. Numbers with
a fraction stay exact: they are Decimals.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

from simgpu.errors import SimgpuError
from simgpu.machine.refusal import listed, shorten, show
from simgpu.readers.text_file import TextFile

_SPACE = re.compile(r"[ \t\n\r]*")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse_constant)


@dataclass(frozen=True, slots=True)
class Entry:
    """A value, and its offset in its file."""

    file: TextFile
    offset: int
    value: Any

    def refusal(self, reason: str, key: str = "") -> SimgpuError:
        """Return the error for this value, or for the member `key` of it."""
        offset = self.file.text.find(f'"{key}"', self.offset) if key else -1
        return self.file.refusal(max(offset, self.offset), reason)

    def get(self, key: str, kinds: Sequence[type], *, default: Any = None, is_needed: bool = True) -> Any:
        """Return a member of an object, if it is of one of these types. Raises the error of the file."""
        if not isinstance(self.value, dict):
            raise self.refusal(f"an object is expected here, not {in_words(self.value)}")
        if key not in self.value:
            if not is_needed:
                return default
            raise self.refusal(f"the key {key!r} is missing; here are {listed(map(repr, self.value))}")
        value = self.value[key]
        if type(value) not in kinds:
            wanted = " or ".join(_WORDS[kind] for kind in kinds)
            raise self.refusal(f"{key!r} must be {wanted}, not {in_words(value)}", key)
        return value


def in_words(value: object) -> str:
    """Write a value as JSON has it, cut to a length that a message bears."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case Decimal():
            return shorten(str(value))
        case list():
            return "a list"
        case dict():
            return "an object"
    return show(value)


_WORDS = {
    bool: "true or false",
    int: "a whole number",
    Decimal: "a number",
    str: "text",
    list: "a list",
    dict: "an object",
}


@dataclass(frozen=True, slots=True)
class JsonFile:
    """The members of a file's object. A member that is a list of values is a list of entries."""

    file: TextFile
    members: dict[str, Entry | list[Entry]]

    def value(self, key: str, kinds: Sequence[type]) -> Entry:
        """Return a member that is no list, of one of these types."""
        member = self._member(key)
        if isinstance(member, list) or type(member.value) not in kinds:
            place = self.file.text.find(f'"{key}"')
            wanted = " or ".join(_WORDS[kind] for kind in kinds)
            found = "a list" if isinstance(member, list) else in_words(member.value)
            raise self.file.refusal(max(place, 0), f"{key!r} must be {wanted}, not {found}")
        return member

    def entries(self, key: str) -> list[Entry]:
        """Return a member that is a list."""
        member = self._member(key)
        if not isinstance(member, list):
            raise member.refusal(f"{key!r} must be a list, not {in_words(member.value)}")
        return member

    def _member(self, key: str) -> Entry | list[Entry]:
        if key not in self.members:
            raise self.file.refusal(0, f"the key {key!r} is missing; here are {listed(map(repr, self.members))}")
        return self.members[key]


def read_json(file: TextFile) -> JsonFile:
    """Read a file that holds one object. Raises the error of the file."""
    reader = _Reader(file)
    members = reader.members()
    if reader.offset < len(file.text):
        raise file.refusal(reader.offset, "the file goes on behind its object; remove what is there")
    return JsonFile(file, members)


class _Reader:
    """Reads from an offset on."""

    def __init__(self, file: TextFile) -> None:
        self.file = file
        self.offset = 0
        self._skip_space()

    def members(self) -> dict[str, Entry | list[Entry]]:
        members: dict[str, Entry | list[Entry]] = {}
        self._take("{")
        while not self._is_at("}"):
            if members:
                self._take(",")
            key = self._value()
            if not isinstance(key.value, str) or key.value in members:
                raise key.refusal(f"a new key is expected here, not {in_words(key.value)}")
            self._take(":")
            members[key.value] = self._entries() if self._is_at("[") else self._value()
        self._take("}")
        return members

    def _entries(self) -> list[Entry]:
        entries: list[Entry] = []
        self._take("[")
        while not self._is_at("]"):
            if entries:
                self._take(",")
            entries.append(self._value())
        self._take("]")
        return entries

    def _value(self) -> Entry:
        start = self.offset
        try:
            value, self.offset = _DECODER.raw_decode(self.file.text, start)
        except json.JSONDecodeError as error:
            fault = self.file.refusal(error.pos, f"not JSON: {error.msg}")
        except (ValueError, ArithmeticError, RecursionError) as error:  # a number that cannot be; too deep
            fault = self.file.refusal(start, f"not JSON that can be read: {error}")
        else:
            self._skip_space()
            return Entry(self.file, start, value)
        raise fault

    def _is_at(self, character: str) -> bool:
        return self.file.text.startswith(character, self.offset)

    def _take(self, character: str) -> None:
        if not self._is_at(character):
            found = (
                show(self.file.text[self.offset : self.offset + 1]) if self.offset < len(self.file.text) else "the end"
            )
            raise self.file.refusal(self.offset, f"not JSON: {character!r} is expected here, not {found}")
        self.offset += 1
        self._skip_space()

    def _skip_space(self) -> None:
        match = _SPACE.match(self.file.text, self.offset)
        assert match is not None, "the pattern matches everywhere"
        self.offset = match.end()
