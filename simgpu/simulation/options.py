"""What a model of the hardware assumes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

from simgpu.errors import InvalidValue, check_type
from simgpu.simulation.disciplines import DISCIPLINES, Discipline
from simgpu.simulation.perturbations import Perturbation
from simgpu.simulation.running import EngineChoice, one_of
from simgpu.simulation.workload import Launchers, LaunchMode, LinkPolicyName

OnOom = Literal["raise", "wait", "spill"]

CHOICES: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "links": get_args(LinkPolicyName),
        "launch": get_args(LaunchMode),
        "launchers": get_args(Launchers),
        "on_oom": get_args(OnOom),
        "engine": get_args(EngineChoice),
        "discipline": tuple(DISCIPLINES),
    }
)
"""Option -> the names that it may have."""

_MEANINGS = {
    "links": "a link policy",
    "launch": "a mode of launching",
    "launchers": "a choice of launchers",
    "on_oom": "a way to treat a lack of memory",
    "engine": "an engine",
    "discipline": "a discipline",
}
_PERTURBATIONS = "a Slow, LinkChange, Flaky or Fails"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationOptions:
    """What a model of the hardware assumes.

    `links`: `fair` or `fifo`. `launch`: with `async`, the host launches an operation as soon as what it waits for on
    the same GPU has been launched; with `sync`, when its inputs are there. `launchers`: with `device`, each GPU has a
    thread of its host to itself to launch; with `host`, all GPUs of a host share one. `streams`: how many operations a
    GPU may compute at a time; those with the attribute `stream` choose theirs, the others take stream 0. `discipline`:
    one of DISCIPLINES, or a function. `copy_engines`: whether a card's engines limit how many transfers it has at a
    time. `on_oom`: what becomes of an operation or transfer that finds no memory: `raise` ends the run, `wait` lets it
    wait until there is some, `spill` moves other tensors to the host. `perturbations`: what goes otherwise than the
    data sheets say; `seed` is for what is random in that. `engine`: `simpy`, `compiled`, or `auto` for the faster one
    that can do what is asked.
    """

    links: LinkPolicyName = "fair"
    launch: LaunchMode = "async"
    launchers: Launchers = "device"
    streams: int = 1
    discipline: str | Discipline = "fifo"
    copy_engines: bool = True
    on_oom: OnOom = "raise"
    perturbations: tuple[Perturbation, ...] = ()
    seed: int = 0
    engine: EngineChoice = "auto"

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            value = getattr(self, name)
            if not (name == "discipline" and callable(value)):
                one_of(name, value, known, _MEANINGS[name])
        if type(self.streams) is not int or not 1 <= self.streams <= 1024:
            raise InvalidValue(f"streams={self.streams!r} is not a number of streams; give an int from 1 to 1024")
        if type(self.copy_engines) is not bool:
            raise InvalidValue(
                f"copy_engines={self.copy_engines!r} is not True or False; a card's model has their number"
            )
        if type(self.seed) is not int or self.seed < 0:
            raise InvalidValue(f"seed is {self.seed!r}; it must be an int of 0 or more")
        check_type(self.perturbations, tuple | list, "perturbations", f"a tuple; give each as {_PERTURBATIONS}")
        for number, one in enumerate(self.perturbations):
            check_type(one, Perturbation, f"perturbations[{number}]", _PERTURBATIONS)
