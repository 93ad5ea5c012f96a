"""The one-line form of a machine: `2 x h100-80g`, `4 x 2GiB`, `8 x h100-80g + 1 x t4`, a box by name, or `cpu`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from simgpu.errors import InvalidValue
from simgpu.machine import catalog
from simgpu.machine.blueprint import MOST_DEVICES, Blueprint, check_extent, plan_box, plan_one_host
from simgpu.machine.catalog.reader import generic_gpu, is_box
from simgpu.machine.hardware import DeviceModel
from simgpu.machine.refusal import MachineKeyError, Path, show
from simgpu.machine.topology_mapping import read_topology
from simgpu.units import parse_size

_TERM = re.compile(r"(?:(?P<count>-?[0-9]+) *[xX\N{MULTIPLICATION SIGN}] *)?(?P<part>.*)", re.DOTALL)
_FORMS = "write '2 x h100-80g', '4 x 2GiB', 'h100-80g + 2 x t4', the name of a box, or 'cpu'"
_NO_GPU = "cpu"


@dataclass(frozen=True, slots=True)
class _Term:
    count: int
    part: str


def read_line(text: str, path: Path = ()) -> Blueprint:
    """Read a machine. Several boxes, as in `4 x hgx-h100-8`, are joined by the network of the box."""
    terms = _terms(text, path)
    if len(terms) == 1 and is_box(terms[0].part):
        return read_box(terms[0].part, path, count=terms[0].count)
    return plan_one_host(_gpus(terms, path))


def read_boxes(text: str, path: Path = ()) -> Blueprint:
    """Read one box by its name, or several, as in `4 x hgx-h100-8`."""
    term = _term(text, path)
    return read_box(term.part, path, count=term.count)


def read_box(name: str, path: Path = (), *, count: int = 1) -> Blueprint:
    """Read one or several boxes by the name that the catalog has for them."""
    box = catalog.box(name, path)
    gpus = read_gpus(box.gpus)
    check_extent(box.hosts * count, box.hosts * count * len(gpus), path)
    return read_topology(dict(box.topology.items()), plan_box(box, gpus, count))


def read_gpus(text: str, path: Path = ()) -> tuple[DeviceModel, ...]:
    """Read the GPUs of one host, in order; `cpu` means none. A box is refused."""
    return _gpus(_terms(text, path), path)


def _terms(text: str, path: Path) -> list[_Term]:
    return [_term(term, path) for term in text.split("+")]


def _term(text: str, path: Path) -> _Term:
    match = _TERM.fullmatch(text.strip())
    if match is None or not match["part"]:
        raise MachineKeyError(f"{show(text.strip())} names no part; {_FORMS}", path)
    return _Term(_count(match["count"] or "1", path), match["part"])


def _count(digits: str, path: Path) -> int:
    digits = digits.lstrip("0") or "0"
    is_in_range = len(digits) <= len(str(MOST_DEVICES)) and 1 <= int(digits) <= MOST_DEVICES
    if not is_in_range:
        advice = "write 'cpu' for a machine without GPU" if digits[0] in "-0" else "lower the count"
        raise MachineKeyError(f"a count is between 1 and {MOST_DEVICES}, not {show(digits)[1:-1]}; {advice}", path)
    return int(digits)


def _gpus(terms: list[_Term], path: Path) -> tuple[DeviceModel, ...]:
    if [term.part.lower() for term in terms] == [_NO_GPU] and terms[0].count == 1:
        return ()
    check_extent(1, sum(term.count for term in terms), path)
    return tuple(gpu for term in terms for gpu in [_gpu(term.part, path)] * term.count)


def _gpu(part: str, path: Path) -> DeviceModel:
    if part.lower() == _NO_GPU:
        raise MachineKeyError("'cpu' means a machine without GPU and stands alone; every host has a CPU:0 anyway", path)
    if is_box(part):
        raise MachineKeyError(f"{show(part)} is a whole box and stands alone, not among GPUs; name its GPUs", path)
    size = part.lower().removeprefix("generic-")
    if size[:1] in set("0123456789"):
        return _gpu_of_size(part[-len(size) :], path)
    return catalog.gpu(part, path)


def _gpu_of_size(size: str, path: Path) -> DeviceModel:
    try:
        memory_bytes = parse_size(size, what="memory of a generic GPU")
    except InvalidValue as error:
        raise MachineKeyError(f"{error}; {_FORMS}", path) from error
    if memory_bytes == 0:
        raise MachineKeyError(f"a GPU of {show(size)} has no memory; give it more than 0 B", path)
    return generic_gpu(memory_bytes)
