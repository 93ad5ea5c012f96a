"""The device requested for each operation: what the graph asks for, and rules of the user on top of it."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
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

    def __post_init__(self) -> None:
        if not isinstance(self.match, str):
            raise PlacementError(f"a rule matches names, such as 'conv*', not {self.match!r:.60}")
        DeviceSpec.parse(self.device)  # raises for what is no name


def requests_of(graph: Graph, rules: Sequence[Rule | Mapping[str, str]]) -> tuple[Request, ...]:
    """Return the request for each operation. Where several rules match one, the last counts.

    Raises PlacementError for a rule that matches nothing, DeviceNameError for a device that is not a name.
    """
    if isinstance(rules, str | Mapping | Rule) or not isinstance(rules, Iterable):
        raise PlacementError(f"rules are given as a list: got {rules!r:.60}; put it in brackets")
    known = [_as_rule(rule) for rule in rules]
    chosen: dict[int, int] = {}
    for position, rule in enumerate(known):
        chosen.update(dict.fromkeys(_matches(graph, rule, position), position))
    made: dict[tuple[str, int | None], Request] = {}  # one for all operations that ask alike
    for index, device in enumerate(graph.data.devices):
        asked = (device, chosen.get(index))
        if asked not in made:
            made[asked] = _request(*asked, known)
    return tuple(made[device, chosen.get(index)] for index, device in enumerate(graph.data.devices))


def _request(device: str, position: int | None, rules: Sequence[Rule]) -> Request:
    if position is None:
        return Request(_spec(DeviceSpec.parse(device)), "requested") if device else _NOTHING
    rule = rules[position]
    spec = DeviceSpec.parse(device).merged(DeviceSpec.parse(rule.device))
    return Request(_spec(spec), f"rule {rule.match}", position)


def _spec(spec: DeviceSpec) -> DeviceSpec:
    limits = constraint(spec)
    return ANYWHERE if limits == ANYWHERE else limits


_NOTHING = Request(ANYWHERE, "")


def _matches(graph: Graph, rule: Rule, position: int) -> list[int]:
    pattern = re.compile(fnmatch.translate(rule.match))
    names = graph.data.names
    found = [index for index, name in enumerate(names) if pattern.match(name)]
    if found:
        return found
    nearest = difflib.get_close_matches(rule.match, names[:NEAREST_AMONG], n=3, cutoff=0.3) or names[:3]
    there = f"nearest are {', '.join(map(repr, nearest))}" if nearest else "the graph is empty"
    raise PlacementError(
        f"the rule for {rule.match!r} (device {rule.device!r}) matches none of {len(names)} operations; {there}",
        rule=position,
    )


def _as_rule(rule: Rule | Mapping[str, str]) -> Rule:
    if isinstance(rule, Rule):
        return rule
    if not isinstance(rule, Mapping) or set(rule) != {"match", "device"}:
        raise PlacementError(f"a rule has the keys 'match' and 'device': got {rule!r:.80}")
    return Rule(match=rule["match"], device=rule["device"])
