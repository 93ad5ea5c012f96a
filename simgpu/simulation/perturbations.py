"""What goes otherwise than the data sheet says: slow devices, jitter, links that change, devices that fail.

All that is random comes from the seed of the simulation: each perturbation has a generator of its own, so that adding
one behind others does not change what those draw.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args

import numpy as np

from simgpu.errors import InvalidValue, NoEffectWarning, check_type
from simgpu.machine import Machine
from simgpu.naming import short_name
from simgpu.program import Program, TaskKind
from simgpu.simulation.workload import NONE, Ints, Workload, ints
from simgpu.units import parse_duration, parse_rate

Distribution = Literal["lognormal", "exponential", "uniform"]
_MOST_CHANGES = 100_000
_A_DEVICE = "the name of a device, such as 'GPU:0'"
_A_LINK = "the name of a link; those of a machine are in its `channels`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow:
    """Operations on a device last `factor` times as long; with a `spread`, each times a random number of mean 1.

    `device` is a name, or a pattern such as `GPU:*`. The random numbers: `lognormal` with this standard deviation of
    their logarithm; `uniform` within 1 ± spread; `exponential`: 1 - spread, and an exponential of mean spread on top.
    """

    device: str
    factor: float = 1.0
    spread: float = 0.0
    distribution: Distribution = "lognormal"

    def __post_init__(self) -> None:
        check_type(self.device, str, "device", _A_DEVICE)
        _check_number("factor", self.factor, 0)
        _check_number("spread", self.spread, 0, 8 if self.distribution == "lognormal" else 1)
        if self.distribution not in get_args(Distribution):
            raise InvalidValue(f"distribution={self.distribution!r} is not one of {', '.join(get_args(Distribution))}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChange:
    """From `at` on, a link has another bandwidth in bytes per second. `link` is a channel's name, or a pattern."""

    link: str
    at: int | str
    bandwidth: int | str

    def __post_init__(self) -> None:
        check_type(self.link, str, "link", _A_LINK)
        _check_durations(self, "at")
        parse_rate(self.bandwidth, what="bandwidth")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaky:
    """A link that has `factor` of its bandwidth now and then, until a time.

    It is well for a random time of mean `well`, then ill for one of mean `ill`, and so on; both are exponential.
    """

    link: str
    well: int | str
    ill: int | str
    until: int | str
    factor: float = 0.0

    def __post_init__(self) -> None:
        check_type(self.link, str, "link", _A_LINK)
        _check_durations(self, "well", "ill", "until")
        _check_number("factor", self.factor, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fails:
    """A device fails at a time, with all that its memory holds.

    `then` is `raise`: the run ends with DeviceFailure if there is work left for the device; `takeover`: another device
    takes over, the first of its kind, on its host if there is one there; or the name of the device that does.
    """

    device: str
    at: int | str
    then: str = "raise"

    def __post_init__(self) -> None:
        check_type(self.device, str, "device", _A_DEVICE)
        _check_durations(self, "at")
        check_type(self.then, str, "then", "'raise', 'takeover', or the name of a device")


Perturbation = Slow | LinkChange | Flaky | Fails


def perturbed(workload: Workload, program: Program, given: Sequence[Perturbation], seed: int) -> Workload:
    """Return a workload with other durations and changes of capacity. Failures are not for a workload to know."""
    machine = program.placement.machine
    for one in given:
        check_perturbation(one, machine)
    for one, child in zip(given, np.random.SeedSequence(seed).spawn(len(given)), strict=True):
        random = np.random.default_rng(child)
        match one:
            case Slow():
                workload = _slowed(workload, program, one, random)
            case LinkChange():
                change = (parse_duration(one.at, what="at"), parse_rate(one.bandwidth, what="bandwidth"))
                for channel in _channels(workload, machine, one.link):
                    workload = _with_changes(workload, channel, [change])
            case Flaky():
                for channel in _channels(workload, machine, one.link):
                    per_s = int(workload.resources.channel_per_s[channel])
                    workload = _with_changes(workload, channel, _ups_and_downs(one, per_s, random))
    return workload


def check_perturbation(one: Perturbation, machine: Machine) -> None:
    """Raise InvalidValue or MachineError if a perturbation names what is not there."""
    match one:
        case Slow():
            matching(machine, one.device)
        case LinkChange() | Flaky():
            _named(machine, one.link)
        case Fails():
            machine.index(one.device)
            if one.then not in ("raise", "takeover"):
                machine.index(one.then)


def matching(machine: Machine, pattern: str) -> list[int]:
    """Return the devices that a name or pattern means. Raises MachineError or InvalidValue if there are none."""
    if not any(sign in pattern for sign in "*?["):
        return [machine.index(pattern)]
    found = [
        number
        for number, device in enumerate(machine.devices)
        if fnmatchcase(short_name(device.name), pattern) or fnmatchcase(device.name, pattern)
    ]
    if not found:
        names = ", ".join(short_name(device.name) for device in machine.devices[:8])
        raise InvalidValue(f"no device matches {pattern!r}; the machine has {names}")
    return found


def _slowed(workload: Workload, program: Program, one: Slow, random: np.random.Generator) -> Workload:
    devices = matching(program.placement.machine, one.device)
    meant = program.tasks.are(TaskKind.COMPUTE) & np.isin(program.tasks.device, devices)
    factors = one.factor * _random_factors(one, int(meant.sum()), random)
    amount = workload.amount.copy()
    amount[meant] = np.rint(amount[meant] * factors).astype(np.int64)
    if not meant.any():
        _warn(f"no operation runs on {one.device!r}, so that it is slow has no effect")
    return replace(workload, amount=amount)


def _random_factors(one: Slow, count: int, random: np.random.Generator) -> Any:
    if not one.spread:
        return np.ones(count)
    match one.distribution:
        case "lognormal":
            return random.lognormal(-(one.spread**2) / 2, one.spread, count)
        case "exponential":
            return 1 - one.spread + random.exponential(one.spread, count)
    return random.uniform(1 - one.spread, 1 + one.spread, count)


def _channels(workload: Workload, machine: Machine, pattern: str) -> list[int]:
    """Return the channels that a name or pattern means; warn if no transfer can use any of them."""
    found = _named(machine, pattern)
    routes = np.unique(workload.where[(workload.kind == 1) & (workload.where != NONE)])
    resources = workload.resources
    used = {
        int(channel)
        for route in routes
        for channel in resources.route_channels[resources.route_starts[route] : resources.route_starts[route + 1]]
    }
    if not used.intersection(found):
        _warn(f"no transfer uses the link {pattern!r}, so a change of it has no effect")
    return found


def _named(machine: Machine, pattern: str) -> list[int]:
    names = [channel.name for channel in machine.channels]
    found = [number for number, name in enumerate(names) if name == pattern or fnmatchcase(name, pattern)]
    if not found:
        raise InvalidValue(f"no link is named {pattern!r}; there are {', '.join(names[:8])}")
    return found


def _ups_and_downs(one: Flaky, per_s: int, random: np.random.Generator) -> list[tuple[int, int]]:
    until_ps = parse_duration(one.until, what="until")
    means = [parse_duration(one.well, what="well"), parse_duration(one.ill, what="ill")]
    ill_per_s = max(1, round(per_s * one.factor))
    changes: list[tuple[int, int]] = []
    now_ps = 0
    while len(changes) < _MOST_CHANGES:
        now_ps += round(random.exponential(means[len(changes) % 2]))
        is_ill = len(changes) % 2 == 0
        if now_ps >= until_ps:
            return [*changes, (until_ps, per_s)] if not is_ill else changes
        changes.append((now_ps, ill_per_s if is_ill else per_s))
    raise InvalidValue(f"{one} changes the link more than {_MOST_CHANGES} times; give longer times, or a nearer end")


def _with_changes(workload: Workload, channel: int, changes: Sequence[tuple[int, int]]) -> Workload:
    old = workload.resources
    times, rates = (ints(*(change[place] for change in changes)) for place in (0, 1))
    resources = replace(
        old,
        change_ps=_joined(old.change_ps, times),
        change_channel=_joined(old.change_channel, np.full(len(changes), channel, np.int64)),
        change_per_s=_joined(old.change_per_s, rates),
    )
    return replace(workload, resources=resources)


def _joined(first: Ints, second: Ints) -> Ints:
    return np.concatenate([first, second])


def _warn(message: str) -> None:
    warnings.warn(message, NoEffectWarning, stacklevel=4)


def _check_durations(one: LinkChange | Flaky | Fails, *names: str) -> None:
    for name in names:
        parse_duration(getattr(one, name), what=name)


def _check_number(name: str, value: Any, least: float, most: float = 1e9) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise InvalidValue(f"{name}={value!r} must be a number from {least:g} to {most:g}")
