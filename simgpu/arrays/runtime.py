"""A machine brought to life: logical devices with memory, on which operations run at once.

Any number of runtimes live side by side, each with its own devices and settings. Whatever follows from types, shapes,
devices and scopes alone is decided once and kept as a plan; what is left for each call is memory and arithmetic.
"""

from __future__ import annotations

import weakref
from collections.abc import Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from threading import RLock
from time import perf_counter_ns
from types import TracebackType
from typing import TYPE_CHECKING, Any

from simgpu.arrays.arguments import check_call
from simgpu.arrays.array import Array
from simgpu.arrays.config import Config
from simgpu.arrays.current import enter_runtime, leave_runtime
from simgpu.arrays.deciding import Call, Decision, Placed, decide, decide_source
from simgpu.arrays.guarded_scope import GuardedScope
from simgpu.arrays.kind import Kind, Site
from simgpu.arrays.memory import Buffer, DeviceMemory
from simgpu.arrays.observer import Observer
from simgpu.arrays.recording import Recording
from simgpu.arrays.rules import Rules
from simgpu.arrays.scopes import ANYWHERE, ScopeStack
from simgpu.arrays.starting import Started, release_all, start
from simgpu.arrays.steps import Step
from simgpu.cards import SharedCards
from simgpu.environment import shared_cards
from simgpu.errors import InvalidValue, RuntimeClosedError, check_type
from simgpu.graph import TensorSpec
from simgpu.kernels import kernel_set
from simgpu.machine import Machine
from simgpu.memory import MemoryStatistics
from simgpu.naming import DeviceSpec
from simgpu.storage import CupyStorage, Storage, storage_named

if TYPE_CHECKING:
    from simgpu.arrays.namespace import Namespace

NO_ATTRIBUTES: Mapping[str, Any] = {}
_MOST_PLANS = 100_000


@dataclass(frozen=True, slots=True)
class Plan:
    """A decision, ready to be carried out: `moves` are the sites that inputs must be copied to, None for none."""

    decision: Decision
    moves: tuple[Site | None, ...] | None
    outputs: tuple[Kind, ...]


class Runtime:
    """Logical devices of a machine, ready for use. As a context manager, it is closed at the end.

    `kernels` names the kernel set; `mixed` says what becomes of inputs on other devices, `copy` or `raise`; `soft`
    whether a device that cannot be had gives way to another. These are TensorFlow's rules; arrays of `xp()` keep to
    those of the Array API.
    """

    def __init__(
        self,
        machine: Machine | str | Mapping[str, object] = "1 x 4GiB",
        *,
        storage: str | Storage = "numpy",
        kernels: str = "float-only",
        mixed: str = "copy",
        soft: bool = True,
        share: bool | SharedCards = False,
    ) -> None:
        kernel_set(kernels)  # raises for a name that there is not
        check_type(soft, bool, "soft", "a bool; give True or False")
        check_type(share, bool | SharedCards, "share", "True, False, or a SharedCards")
        self.described = machine if isinstance(machine, Machine) else Machine(machine)
        self._rules = Rules(kernels=kernels, mixed=_one_of("mixed", mixed, ("copy", "raise")))
        self.storage = storage_named(storage)
        self.scopes = ScopeStack(self.described.devices[0].spec)
        self.observers: tuple[Observer, ...] = ()
        self.is_closed = False
        self._soft = soft
        self.steps: dict[Hashable, Step] = {}
        self._plans: dict[tuple[Hashable, ...], Plan] = {}
        self._placed: dict[Hashable, Placed] = {}
        self._kinds: dict[tuple[TensorSpec, Site, Rules], Kind] = {}
        self._namespaces: dict[Rules, Namespace] = {}
        self._cards = shared_cards() if share is True else share or None
        self._starting = RLock()
        self._started: Started | None = None
        self._entered: list[Runtime | None] = []
        self.config = Config(self)

    def start(self) -> Started:
        """Bring the devices to life with the settings made until now; the first use does. A second call does nothing.

        Raises RuntimeClosedError; OutOfDeviceMemory if other programs hold the cards; and starts nothing then.
        """
        with self._starting:
            if self.is_closed:
                raise RuntimeClosedError("this runtime is closed; make a new one")
            if self._started is None:
                self._started = start(self.described, self.config, self.storage, self._cards)
                weakref.finalize(self, release_all, self._started.claims)
            return self._started

    @property
    def is_started(self) -> bool:
        """True from the first use on: what shapes the devices cannot be changed any more."""
        return self._started is not None

    @property
    def machine(self) -> Machine:
        """The machine with its devices as they are used. Starts the runtime."""
        return (self._started or self.start()).machine

    @property
    def memories(self) -> tuple[DeviceMemory, ...]:
        """The memory of each device. Starts the runtime."""
        return (self._started or self.start()).memories

    @property
    def soft(self) -> bool:
        """Whether a device that cannot be had gives way to another. May be changed at any time."""
        return self._soft

    @soft.setter
    def soft(self, soft: bool) -> None:
        self._soft = soft
        self._forget_plans()

    @property
    def rules(self) -> Rules:
        """TensorFlow's rules, for new arrays of this runtime."""
        return self._rules

    @rules.setter
    def rules(self, rules: Rules) -> None:
        self._rules = rules
        self._forget_plans()

    def __enter__(self) -> Runtime:
        self._entered.append(enter_runtime(self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        leave_runtime(self._entered.pop())
        try:
            self.close()
        except Exception as failure:
            if error is None:
                raise
            error.add_note(f"closing the runtime failed, too: {failure!r}")

    def close(self) -> None:
        """End the runtime: nothing runs on it any more, and what it holds of shared cards goes back.

        Arrays that live on keep their values. If a device cannot be closed, all others are, and the first error is
        raised; further ones are its notes.
        """
        with self._starting:
            first = () if self.is_closed else (partial(self.look, now=True),)
            self.is_closed = True
            self._forget_plans()
            for kind in list(self._kinds.values()):
                kind.arrays.clear()
            failures = self._started.end(*first) if self._started is not None else []
        if failures:
            for later in failures[1:]:
                failures[0].add_note(f"and then: {later!r}")
            raise failures[0]

    def look(self, *, now: bool = False) -> None:
        """Look at the card behind CuPy storage, at most ten times a second unless `now`; device scopes do when left.

        Warns if more lies outside of all limits than the reserve: see ReserveWarning. Starts nothing.
        """
        if self._started is not None:
            self._started.look(self.storage, now=now)

    def device(self, name: object) -> AbstractContextManager[object]:
        """Return a scope in which operations are asked to be on a device: `with runtime.device("/gpu:1"):`.

        On CuPy storage, what CuPy itself is asked inside for memory or work goes to that device, too.
        """
        scope = self.scopes.scope(name)
        self.start()
        return GuardedScope(self, scope) if isinstance(self.storage, CupyStorage) else scope

    def xp(self, default_device: object = None, api_version: str = "2025.12") -> Namespace:
        """Return the array API namespace of these devices; calls with the same arguments give the same object.

        New arrays go to the device that a creation function is given, else to that of the innermost scope, else to
        `default_device`, else to the first GPU, or to the CPU if there is none. Everything else runs where its arrays
        are, and raises DeviceMismatchError if that is not one device. `api_version` may be "2024.12".
        """
        from simgpu.arrays.namespace import Namespace, check_version

        default = ANYWHERE if default_device in (None, ANYWHERE) else self._spec_of(default_device)
        rules = Rules("all", "raise", follows_inputs=True, default=default, api_version=check_version(api_version))
        found = self._namespaces.get(rules)
        return found or self._namespaces.setdefault(rules, Namespace(self, rules))

    def _spec_of(self, device: object) -> DeviceSpec:
        return self.machine.device(str(getattr(device, "name", device))).spec

    def record(self) -> Recording:
        """Return a recording of what runs inside it: `with runtime.record() as program:`."""
        return Recording(self)

    def watch(self, observer: Observer) -> None:
        """Tell an observer of everything that happens here, and of all memory that is alive. Starts the runtime."""
        check_type(observer, Observer, "observer", "an observer; give an object with all methods of an Observer")
        for memory in self.memories:
            memory.watch(observer)
        with self._starting:
            self.observers = (*self.observers, observer)

    def unwatch(self, observer: Observer) -> None:
        """Tell an observer nothing more."""
        with self._starting:
            self.observers = tuple(other for other in self.observers if other is not observer)
        for memory in self.memories:
            memory.unwatch(observer)

    def memory_statistics(self, device: str = "GPU:0") -> MemoryStatistics:
        """Return the account of a device's memory."""
        return self.memories[self.machine.index(device)].statistics()

    def apply(
        self,
        type: str,
        inputs: Sequence[Array] = (),
        attributes: Mapping[str, Any] = NO_ATTRIBUTES,
        rules: Rules | None = None,
    ) -> tuple[Array, ...]:
        """Run one operation now, where the rules say, and return its outputs.

        The rules are those given, or of the first input, or the runtime's. Attributes must be hashable. Raises
        PlacementError, DeviceMismatchError, OutOfDeviceMemory; GraphError where shapes or dtypes do not fit.
        """
        tracer = self.scopes.tracer() if self.observers else None
        if tracer is not None:
            return tracer.apply(type, inputs, attributes, rules)
        inputs, plan = self.plan(type, inputs, attributes, rules)
        start_ns = perf_counter_ns() if self.observers else 0
        row = plan.decision.rule
        arrays = [array._data for array in inputs]
        if row.compute_dynamic is None:
            outputs = [self.make(kind, type) for kind in plan.outputs]
            self.storage.compute(row, arrays, [output._data for output in outputs], attributes)
        else:
            outputs = self._compute_dynamic(plan.decision, arrays, attributes, rules or inputs[0]._kind.rules)
        for observer in self.observers:
            observer.computed(type, attributes, inputs, outputs, plan.decision, start_ns)
        return tuple(outputs)

    def plan(
        self, type: str, inputs: Sequence[Array], attributes: Mapping[str, Any], rules: Rules | None = None
    ) -> tuple[Sequence[Array], Plan]:
        """Return what `apply` would do, and the inputs, copied to where it reads them."""
        try:
            named = tuple([(name, value, value.__class__) for name, value in attributes.items()]) if attributes else ()
            key = (type, self.scopes.current(), named, rules, *[array._kind for array in inputs])
            plan = self._plans.get(key)
        except (AttributeError, TypeError):
            check_call(type, inputs, attributes)
            raise
        plan = plan or self._new_plan(key, type, inputs, attributes)
        for array in inputs:
            if array._data is None:
                array.check_live()
        return (inputs if plan.moves is None else self._moved(inputs, plan.moves)), plan

    def adopted(self, inputs: Sequence[Array]) -> Sequence[Array]:
        """Return inputs as this runtime knows them: as they are."""
        return inputs

    def copy(self, array: Array, site: Site, rules: Rules | None = None, *, owner: str = "copy") -> Array:
        """Copy an array to a site, which may be the one where it is. `owner` names the copy in the ledger."""
        array.check_live()
        start_ns = perf_counter_ns() if self.observers else 0
        target = self.make(self.kind(array._kind.spec, site, rules or array._kind.rules), owner)
        self.storage.copy(array._data, target._data)
        for observer in self.observers:
            observer.copied(array, target, start_ns)
        return target

    def make(self, kind: Kind, owner: str) -> Array:
        """Return an array with memory of its own and no values yet. `owner` names it in the ledger."""
        buffer = kind.memory.allocate(kind.size_bytes, owner)
        return wrap(kind.array_at(buffer.block.offset), buffer, kind)

    def kind(self, spec: TensorSpec, site: Site, rules: Rules) -> Kind:
        """Return the one object for arrays of this shape, dtype, site and rules."""
        found = self._kinds.get((spec, site, rules))
        if found is not None:
            return found
        memory = self.memories[site.memory]
        made = Kind(self, spec, site, memory, rules, spec.nbytes, memory.region.arrays(spec))
        return self._kinds.setdefault((spec, site, rules), made)

    def place_source(self, type: str, dtype: str, rules: Rules | None = None) -> Decision:
        """Decide where something from outside goes: a constant, or a new variable. Raises PlacementError."""
        rules = rules or self.rules
        key = (type, self.scopes.current(), dtype, rules)
        plan = self._plans.get(key)
        if plan is None:
            plans, machine = self._plans, self.machine
            decision = decide_source(machine, type, dtype, rules, self.scopes.current(), soft=self.soft)
            plan = plans[key] = Plan(decision, None, ())
        return plan.decision

    def _new_plan(
        self, key: tuple[Hashable, ...], type: str, inputs: Sequence[Array], attributes: Mapping[str, Any]
    ) -> Plan:
        check_call(type, inputs, attributes)
        if self.is_closed:
            raise RuntimeClosedError(f"{type}: this runtime is closed; make a new one")
        plans, placed = self._plans, self._placed
        kinds = [array._kind for array in inputs]
        if any(kind.runtime is not self for kind in kinds):
            raise InvalidValue(f"{type} has inputs of another runtime; move their values: `asarray(x.value())`")
        rules = key[3] if isinstance(key[3], Rules) else kinds[0].rules if kinds else self.rules
        sites = tuple(kind.site for kind in kinds)
        specs = tuple(kind.spec for kind in kinds)
        call = Call(type, specs, sites, attributes, rules, self.scopes.current())
        decision = decide(self.machine, call, soft=self.soft, placed=placed)
        moves = tuple(
            None if site.memory == memory else Site(decision.device, memory)
            for site, memory in zip(sites, decision.reads, strict=True)
        )
        outputs = tuple(
            self.kind(spec, site, rules) for spec, site in zip(decision.outputs, decision.writes, strict=False)
        )
        if len(plans) >= _MOST_PLANS:
            plans.clear()
        plan = plans[key] = Plan(decision, moves if any(moves) else None, outputs)
        return plan

    def _forget_plans(self) -> None:
        """Begin anew, and not empty what is there: whoever is deciding under an old setting writes into the old one."""
        self._plans = {}
        self._placed = {}
        self.steps = {}

    def _moved(self, inputs: Sequence[Array], moves: Sequence[Site | None]) -> list[Array]:
        """Copy inputs to where they are read; one that is read twice, once."""
        copies: dict[tuple[int, Site], Array] = {}
        moved = []
        for array, site in zip(inputs, moves, strict=True):
            if site is not None:
                key = (id(array), site)
                if key not in copies:
                    copies[key] = self.copy(array, site)
                array = copies[key]
            moved.append(array)
        return moved

    def _compute_dynamic(
        self, decision: Decision, arrays: Sequence[Any], attributes: Mapping[str, Any], rules: Rules
    ) -> list[Array]:
        """Run an operation whose shapes follow from values, and copy what it made into memory of its device."""
        made = self.storage.compute_dynamic(decision.rule, arrays, attributes)
        site = Site(decision.device, decision.device)
        outputs = [self.make(self.kind(spec, site, rules), decision.rule.name) for spec, _ in made]
        for output, (_, value) in zip(outputs, made, strict=True):
            self.storage.write(output._data, value)
        return outputs


def wrap(data: Any, buffer: Buffer, kind: Kind) -> Array:
    """Return an array over memory that is there: a new buffer, or that of the array it is a view of."""
    array = object.__new__(Array)
    array._data = data
    array._buffer = buffer
    array._kind = kind
    return array


def _one_of(what: str, value: Any, choices: Any) -> Any:
    if value not in choices:
        raise InvalidValue(f"{what}={value!r} is not one of {', '.join(choices)}")
    return value
