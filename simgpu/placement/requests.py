"""The device requested for each operation: what the graph asks for, and rules of the user on top of it."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simgpu.errors import PlacementError
from simgpu.graph import Graph
from simgpu.naming import DeviceSpec
from simgpu.placement.constraints import ANYWHERE, constraint
from simgpu.placement.placement import Request

NEAREST_AMONG = 10_000
"""How many operation names are searched for one that a rule may have meant."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Asks for a device for all operations whose name matches a shell pattern, as an inner device scope would.

    `/cpu` on an operation that asks for `/job:worker/gpu:1` gives `/job:worker/cpu:1`.
    """

    match: str
    device: str


def requests_of(graph: Graph, rules: Sequence[Rule | Mapping[str, str]]) -> tuple[Request, ...]:
    """Return the request for each operation. Where several rules match one, the last counts.

    Raises PlacementError for a rule that matches nothing, DeviceNameError for a device that is not a name.
    """
    chosen: dict[int, Rule] = {}
    for rule in map(_as_rule, rules):
        chosen.update(dict.fromkeys(_matches(graph, rule), rule))
    devices = graph.data.devices
    return tuple(_request(device, chosen.get(index)) for index, device in enumerate(devices))


def _request(device: str, rule: Rule | None) -> Request:
    if rule is None:
        return Request(_spec(DeviceSpec.parse(device)), "requested") if device else _NOTHING
    return Request(_spec(DeviceSpec.parse(device).merged(DeviceSpec.parse(rule.device))), f"rule {rule.match}")


def _spec(spec: DeviceSpec) -> DeviceSpec:
    limits = constraint(spec)
    return ANYWHERE if limits == ANYWHERE else limits


_NOTHING = Request(ANYWHERE, "")


def _matches(graph: Graph, rule: Rule) -> list[int]:
    DeviceSpec.parse(rule.device)
    pattern = re.compile(fnmatch.translate(rule.match))
    names = graph.data.names
    found = [index for index, name in enumerate(names) if pattern.match(name)]
    if found:
        return found
    nearest = difflib.get_close_matches(rule.match, names[:NEAREST_AMONG], n=3, cutoff=0.3) or names[:3]
    there = f"nearest are {', '.join(map(repr, nearest))}" if nearest else "the graph is empty"
    raise PlacementError(
        f"the rule for {rule.match!r} (device {rule.device!r}) matches none of {len(names)} operations; {there}"
    )


def _as_rule(rule: Rule | Mapping[str, str]) -> Rule:
    if isinstance(rule, Rule):
        return rule
    if not isinstance(rule, Mapping) or set(rule) != {"match", "device"}:
        raise PlacementError(f"a rule has the keys 'match' and 'device': got {rule!r}")
    return Rule(match=rule["match"], device=rule["device"])
