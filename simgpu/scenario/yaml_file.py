"""YAML without surprises: text in, plain values out, and where in the file each of them stands.

A strict subset: one document of mappings with text keys, lists and scalars. Duplicate keys, anchors, aliases, merge
keys, tags, directives, words that could mean two things (see `scalars`), deep nesting and large files are refused.
The events of the parser are read one by one, so nothing is built of a file that is refused, and no depth can exhaust
the stack.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from simgpu.errors import InvalidValue, ScenarioError
from simgpu.machine.refusal import Path, shorten, show
from simgpu.scenario.scalars import Scalar, read_scalar

LARGEST_FILE_BYTES = 2**20
DEEPEST_NESTING = 32
MOST_VALUES = 50_000

_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Mark(NamedTuple):
    """A place in a file; both are counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Document:
    """The value of a file, and the marks of its values and of its keys by path."""

    name: str
    value: object
    values: Mapping[Path, Mark]
    keys: Mapping[Path, Mark]

    def mark(self, path: Path, *, is_key: bool = False) -> Mark:
        """Return where a value stands, or its key; where there is none, the nearest thing around it."""
        if is_key and path in self.keys:
            return self.keys[path]
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, Mark(1, 1))


def refusal(name: str, mark: Mark, reason: str) -> ScenarioError:
    """Return the error for a place in a file."""
    return ScenarioError(f"{name}:{mark.line}:{mark.column}: {reason}")


def decode(data: bytes, name: str) -> str:
    """Return the text of a file. Raises ScenarioError if it is too large or not UTF-8."""
    if len(data) > LARGEST_FILE_BYTES:
        raise refusal(name, Mark(1, 1), f"a scenario has at most {LARGEST_FILE_BYTES} bytes; this file has more")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        mark = Mark(before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
        reason = f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8"
    raise refusal(name, mark, reason)


def read_yaml(text: str, name: str) -> Document:
    """Read a document. Raises ScenarioError with file, line and column."""
    if len(text) > LARGEST_FILE_BYTES:
        raise refusal(name, Mark(1, 1), f"a scenario has at most {LARGEST_FILE_BYTES} characters; this one has more")
    if match := _FORBIDDEN.search(text):
        before = text[: match.start()]
        mark = Mark(before.count("\n") + 1, match.start() - before.rfind("\n"))
        raise refusal(name, mark, f"the character U+{ord(match[0]):04X} is not allowed in YAML; remove it")
    composer = _Composer(name)
    for event in _events(text, name):
        composer.take(event)
    return Document(name, composer.value, composer.values, composer.keys)


def _events(text: str, name: str) -> Iterator[Any]:
    """Yield the events of PyYAML's own parser, which unlike libyaml's is the same everywhere."""
    loader: Any = yaml.SafeLoader(text)
    try:
        while loader.check_event():
            yield loader.get_event()
    except yaml.MarkedYAMLError as error:
        place = error.problem_mark or error.context_mark or loader.get_mark()
        reason = ": ".join(shorten(part) for part in (error.context, error.problem) if part)
    except (yaml.YAMLError, ValueError, OverflowError):  # the last two: an escape or version that is no such number
        place, reason = loader.get_mark(), "a character, escape or number that is not allowed"
    else:
        return
    raise refusal(name, Mark(place.line + 1, place.column + 1), f"not YAML: {reason}")


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is not closed yet. `key` is the key whose value comes next."""

    container: dict[str, object] | list[object]
    path: Path
    key: str | None = None


@dataclass(slots=True)
class _Composer:
    """Builds values from events. The stack is a list, so depth costs nothing but the limit that we set."""

    name: str
    value: object = None
    values: dict[Path, Mark] = field(default_factory=dict)
    keys: dict[Path, Mark] = field(default_factory=dict)
    _open: list[_Frame] = field(default_factory=list)

    def take(self, event: Any) -> None:
        match event:
            case yaml.DocumentStartEvent():
                self._begin_document(event)
            case yaml.AliasEvent():
                raise self._refuse(
                    event, f"the alias *{shorten(str(event.anchor))} is not supported; write the value out"
                )
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._open.pop()
            case yaml.NodeEvent():
                self._node(event)

    def _begin_document(self, event: Any) -> None:
        if event.version or event.tags:
            raise self._refuse(event, "directives (%YAML, %TAG) are not supported; remove them")
        if () in self.values:
            raise self._refuse(event, "a second document starts here; a scenario is one document")

    def _node(self, event: Any) -> None:
        if event.anchor is not None:
            raise self._refuse(event, f"the anchor &{shorten(event.anchor)} is not supported; write the value out")
        if event.tag is not None:
            raise self._refuse(event, f"the tag {show(event.tag)} is not supported; remove it")
        frame = self._open[-1] if self._open else None
        if frame is not None and isinstance(frame.container, dict) and frame.key is None:
            frame.key = self._key(event, frame, frame.container)
        else:
            self._place(event, frame)

    def _key(self, event: Any, frame: _Frame, container: dict[str, object]) -> str:
        key = self._scalar(event) if isinstance(event, yaml.ScalarEvent) else event
        if not isinstance(key, str):
            shown = "a mapping or list" if key is event else f"{show(event.value)}"
            raise self._refuse(event, f"keys are text, not {shown}; put quotes around the key")
        path = (*frame.path, key)
        if key in container:
            first = self.keys[path]
            raise self._refuse(event, f"the key {show(key)} is here for the second time, first on line {first.line}")
        self.keys[path] = _mark(event)
        return key

    def _place(self, event: Any, frame: _Frame | None) -> None:
        path = () if frame is None else (*frame.path, len(frame.container) if frame.key is None else frame.key)
        if len(self.values) == MOST_VALUES:
            raise self._refuse(event, f"a scenario has at most {MOST_VALUES} values; this one has more")
        self.values[path] = _mark(event)
        if isinstance(event, yaml.ScalarEvent):
            value: object = self._scalar(event)
        else:
            value = self._opened({} if isinstance(event, yaml.MappingStartEvent) else [], path, event)
        if frame is None:
            self.value = value
        elif isinstance(frame.container, list):
            frame.container.append(value)
        else:
            assert frame.key is not None, "a value follows its key"
            frame.container[frame.key] = value
            frame.key = None

    def _opened(self, container: dict[str, object] | list[object], path: Path, event: Any) -> object:
        if len(path) >= DEEPEST_NESTING:
            raise self._refuse(
                event, f"nested more than {DEEPEST_NESTING} levels deep; a scenario needs fewer than ten"
            )
        self._open.append(_Frame(container, path))
        return container

    def _scalar(self, event: Any) -> Scalar:
        if _SURROGATE.search(event.value):
            raise self._refuse(event, "half of a surrogate pair is not a character; write the character itself")
        if event.style:
            return str(event.value)
        try:
            return read_scalar(event.value)
        except InvalidValue as error:
            reason = str(error)
        raise self._refuse(event, reason)

    def _refuse(self, event: Any, reason: str) -> ScenarioError:
        return refusal(self.name, _mark(event), reason)


def _mark(event: Any) -> Mark:
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)
