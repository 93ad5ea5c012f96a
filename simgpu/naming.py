"""Device names: `/job:worker/replica:0/task:1/device:GPU:0`, whole or in part.

The grammar and the merging are those of TensorFlow's Python class `tf.DeviceSpec` (2.21), not of its C++ parser:
`gpu:0`, `/GPU` and `/device:GPU:0` are names, `/device:GPU` is not. Only the words of the errors are ours. Which
devices there are is for others to know.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from simgpu.errors import DeviceNameError, DeviceScopeError, check_type

SHORT_TYPES = frozenset({"CPU", "GPU", "TPU", "CUSTOM", "EPU"})
"""Types that may be written without `device:`, in any case: `gpu:0`. Others need the long form, `device:XPU:0`."""

_ANY = (None, "*")
_FORMS = "accepted: /job:NAME/replica:N/task:N/device:TYPE:N, any part left out, any order; gpu:N and cpu:N for short"
_MEANT = (
    (r"(cpu|gpu|tpu)s?[-_=:. ]?(\d+)", r"\1:\2"),
    (r"cuda:?(\d+)", r"gpu:\1"),
    (r"(?:physical_)?device:(\w+:\d+)", r"device:\1"),
    (r"device:(\w+)", r"device:\1:*"),
    (r"jobs?[:=](\w+)", r"job:\1"),
    (r"replicas?[:=]?(\d+)", r"replica:\1"),
    (r"tasks?[:=]?(\d+)", r"task:\1"),
    (r"(?!device:)(\w+):(\d+|\*)", r"device:\1:\2"),
)
"""What was meant by a part that is not in the grammar: the first row that fits, in any case."""

_SHOWN = reprlib.Repr()
_SHOWN.maxstring = _SHOWN.maxother = 80


@dataclass(frozen=True, slots=True)
class DeviceSpec:
    """A device, or the part of its name that matters. None means any.

    Values are converted as TensorFlow does: numbers by `int`, names by `str`, the types `cpu` and `gpu` to capitals.
    An index without a type is kept for merging but not printed. Raises DeviceNameError if a number is not one.
    """

    job: str | None = None
    replica: int | None = None
    task: int | None = None
    device_type: str | None = None
    device_index: int | None = None

    def __post_init__(self) -> None:
        store = object.__setattr__
        if self.job is not None:
            store(self, "job", str(self.job))
        if self.device_type is not None:
            kind = str(self.device_type)
            store(self, "device_type", kind.upper() if kind in ("cpu", "gpu") else kind)
        for name in ("replica", "task", "device_index"):
            value = getattr(self, name)
            if value is not None:
                store(self, name, _number(value, name, where="DeviceSpec"))

    @classmethod
    def parse(cls, text: str) -> DeviceSpec:
        """Read a name, whole or partial; `""` and `"/"` are any device. Raises DeviceNameError."""
        if not isinstance(text, str):
            raise DeviceNameError(f"a device name is text: got {_with_type(text)}; {_FORMS}")
        return _parse(text)

    def __str__(self) -> str:
        """Write the canonical name: job, replica, task, device, with `*` for any index."""
        name = "" if self.job is None else f"/job:{self.job}"
        if self.replica is not None:
            name += f"/replica:{self.replica}"
        if self.task is not None:
            name += f"/task:{self.task}"
        return name if self.device_type is None else f"{name}/device:{self.device_type}:{self._index}"

    @property
    def _index(self) -> str:
        return "*" if self.device_index is None else str(self.device_index)

    @property
    def is_complete(self) -> bool:
        """True if this can be the name of one device: every field is set, and none is `*`."""
        numbers = (self.replica, self.task, self.device_index)
        return None not in numbers and self.job not in _ANY and self.device_type not in _ANY

    def merged(self, inner: DeviceSpec) -> DeviceSpec:
        """Return this spec with what `inner` sets replaced: `/gpu:3` merged with `/cpu` is `/device:CPU:3`."""
        check_type(inner, DeviceSpec, "inner", "a DeviceSpec; read one from its name: DeviceSpec.parse('/gpu:0')")
        return DeviceSpec(
            self.job if inner.job is None else inner.job,
            self.replica if inner.replica is None else inner.replica,
            self.task if inner.task is None else inner.task,
            self.device_type if inner.device_type is None else inner.device_type,
            self.device_index if inner.device_index is None else inner.device_index,
        )

    def matches(self, device: DeviceSpec) -> bool:
        """Tell whether a complete name answers this request. A job or a type of `*` asks for any."""
        return (
            self.device_index in (None, device.device_index)
            and (self.device_type in _ANY or self.device_type == device.device_type)
            and (self.job in _ANY or self.job == device.job)
            and self.task in (None, device.task)
            and self.replica in (None, device.replica)
        )

    def differences(self, device: DeviceSpec) -> tuple[str, ...]:
        """Name the fields in which a complete name does not answer this request; none of them if it matches.

        Soft placement may give way in `device_type` and `device_index`, never in `job`, `replica` and `task`.
        """
        return tuple(
            field
            for field in ("job", "replica", "task", "device_type", "device_index")
            if (wanted := getattr(self, field)) not in _ANY and wanted != getattr(device, field)
        )


def as_device_spec(scope: object) -> DeviceSpec | None:
    """Return what a user gives as a device: a name, a DeviceSpec, an object whose `spec` is a DeviceSpec, or None.

    Raises DeviceScopeError for a function and DeviceNameError for anything else.
    """
    if scope is None or isinstance(scope, DeviceSpec):
        return scope
    if isinstance(scope, str):
        return _parse(scope)
    spec = getattr(scope, "spec", None)
    if isinstance(spec, DeviceSpec):
        return spec
    if callable(scope):
        raise DeviceScopeError(f"a function cannot choose the device: got {_with_type(scope)}; {_FORMS}")
    raise DeviceNameError(f"a device is a name, a DeviceSpec or None: got {_with_type(scope)}; {_FORMS}")


def merge_scopes(scopes: Iterable[str | DeviceSpec | None], *, base: DeviceSpec | None = None) -> DeviceSpec:
    """Return the request made by nested device scopes, given from the outermost in.

    Inner fields win; `""` and `"/"` keep what is outside; None clears all outer scopes. The first scope, and the first
    after None, adds to `base`: nothing in a graph, the first device of the process in eager mode.
    """
    if isinstance(scopes, str):
        raise DeviceNameError(f"device scopes are a sequence of names: got {_with_type(scopes)}; put it in a list")
    merged: DeviceSpec | None = None
    for scope in map(as_device_spec, scopes):
        merged = None if scope is None else (merged or base or DeviceSpec()).merged(scope)
    return merged or DeviceSpec()


@lru_cache(maxsize=8192)
def short_name(name: str) -> str:
    """Shorten a name for people: `GPU:0` on this host, `/job:worker/task:1/GPU:0` elsewhere.

    It remains a name: merged into LOCALHOST, short and long give the same device.
    """
    spec = DeviceSpec.parse(name)
    if spec.device_type is None:
        return str(spec)
    device = f"{'' if spec.device_type in SHORT_TYPES else 'device:'}{spec.device_type}:{spec._index}"
    is_local = LOCALHOST.merged(DeviceSpec(spec.job, spec.replica, spec.task)) == LOCALHOST
    return device if is_local else f"{DeviceSpec(spec.job, spec.replica or None, spec.task)}/{device}"


@lru_cache(maxsize=4096)
def _parse(text: str) -> DeviceSpec:
    where = f"device name {_SHOWN.repr(text)}"
    fields: dict[str, Any] = {}
    for part in text.split("/"):
        named = _read_part(part, where=where)
        if "device_type" in named and "device_type" in fields:
            kinds = f"{fields['device_type']} and {named['device_type']}"
            raise DeviceNameError(f"{where}: a name has one device, this one has two, {_SHOWN.repr(kinds)}; keep one")
        fields.update(named)  # of two jobs, replicas or tasks the last one counts
    for field in ("replica", "task", "device_index"):
        if field in fields:
            fields[field] = _number(fields[field], field, where=where)
    return DeviceSpec(**fields)


def _read_part(part: str, *, where: str) -> dict[str, str]:
    """Return the fields that one part between slashes sets, as text."""
    match part.split(":"):
        case [("job" | "replica" | "task") as field, value]:
            return {field: value}
        case [kind] | [kind, "*"] if kind.upper() in SHORT_TYPES:
            return {"device_type": kind.upper()}
        case [kind, index] if kind.upper() in SHORT_TYPES:
            return {"device_type": kind.upper(), "device_index": index}
        case ["device", kind, "*"]:
            return {"device_type": kind}
        case ["device", kind, index]:
            return {"device_type": kind, "device_index": index}
        case ["", *_]:  # nothing between two slashes; TensorFlow passes over "/:0" as well
            return {}
    raise DeviceNameError(f"{where}: the part {_SHOWN.repr(part)} is not known{_guess(part)}; {_FORMS}")


def _number(value: object, field: str, *, where: str) -> int:
    try:
        return int(value)  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError, OverflowError) as error:
        hint = f"; leave {field} out to mean any" if value == "*" else ""
        raise DeviceNameError(f"{where}: {field} must be an int, not {_SHOWN.repr(value)}{hint}") from error


def _guess(part: str) -> str:
    for pattern, meant in _MEANT if len(part) <= 80 else ():
        if match := re.fullmatch(pattern, part, re.IGNORECASE):
            return f" (did you mean {match.expand(meant)!r}?)"
    return ""


def _with_type(value: object) -> str:
    return f"{type(value).__name__} {_SHOWN.repr(value)}"


LOCALHOST = DeviceSpec(job="localhost", replica=0, task=0)
"""What the names of all devices of one process begin with."""
