"""The ledger of cards as a state machine: whoever claims, grows, dies and comes again, the account is exact."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from simgpu.cards import ClaimRequest
from simgpu.errors import InvalidValue, OutOfDeviceMemory
from tests.unit.cards.fleet import CARDS, GIB, Fleet

PIDS = st.integers(1, 4)
NUMBERS = st.integers(0, 2)
SIZES = st.one_of(st.integers(0, 4 * GIB), st.sampled_from([0, 1, GIB, 2 * GIB, 4 * GIB, 4 * GIB + 1]))
REQUESTS = st.lists(st.tuples(NUMBERS, SIZES, SIZES), min_size=1, max_size=4)


class CardsMachine(RuleBasedStateMachine):
    """Drives processes that share cards beside a naive model: what each living process holds."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="simgpu-cards-"))
        self.fleet = Fleet(self.directory / "run")
        self.cards = {}
        self.held = {}  # (pid, claim) -> [card, size, limit, used, peak]
        self.abandoned = []  # claims of the dead

    def teardown(self) -> None:
        shutil.rmtree(self.directory)

    def free(self, card: int) -> int:
        return CARDS[card].total_bytes - sum(size for number, size, *_ in self.held.values() if number == card)

    def pick(self, data: st.DataObject):
        return data.draw(st.sampled_from(list(self.held)))

    @initialize()
    def begin(self) -> None:
        self.start(1)

    @rule(pid=PIDS)
    def start(self, pid: int) -> None:
        """Start a process; one that had the pid is dead by then."""
        self.kill(pid)
        self.cards[pid] = self.fleet.start(pid)

    @rule(pid=PIDS)
    def kill(self, pid: int) -> None:
        if self.cards.pop(pid, None) is not None:
            self.fleet.kill(pid)
            self.abandoned += [claim for owner, claim in self.held if owner == pid]
            self.held = {key: what for key, what in self.held.items() if key[0] != pid}

    @precondition(lambda self: self.cards)
    @rule(data=st.data(), wanted=REQUESTS)
    def claim(self, data: st.DataObject, wanted: list[tuple[int, int, int]]) -> None:
        pid = data.draw(st.sampled_from(sorted(self.cards)))
        wanted = [(card, min(amounts), max(amounts)) for card, *amounts in wanted]
        requests = [ClaimRequest(CARDS[card], f"/device:GPU:{card}", limit, size) for card, size, limit in wanted]
        asked = {card: sum(size for other, size, _ in wanted if other == card) for card, _, _ in wanted}
        if any(size > self.free(card) for card, size in asked.items()):
            with pytest.raises(OutOfDeviceMemory, match="three cures"):
                self.cards[pid].claim_all(requests)
            return
        for claim, what in zip(self.cards[pid].claim_all(requests), wanted, strict=True):
            self.held[pid, claim] = [*what, 0, 0]

    @precondition(lambda self: self.held)
    @rule(data=st.data(), extra=SIZES)
    def grow(self, data: st.DataObject, extra: int) -> None:
        key = self.pick(data)
        card, size, limit, *_ = self.held[key]
        if size + extra > limit:
            with pytest.raises(InvalidValue, match="its limit is"):
                key[1].grow(extra)
        elif extra > self.free(card):
            with pytest.raises(OutOfDeviceMemory, match="three cures"):
                key[1].grow(extra)
        else:
            key[1].grow(extra)
            self.held[key][1] += extra

    @precondition(lambda self: self.held)
    @rule(data=st.data(), used=SIZES, above=SIZES)
    def report(self, data: st.DataObject, used: int, above: int) -> None:
        key = self.pick(data)
        key[1].report(used, used + above)
        self.held[key][3:] = used, used + above

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        key = self.pick(data)
        key[1].release()
        key[1].release()
        del self.held[key]

    @precondition(lambda self: self.cards)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        """Leave as a program does that comes to its end."""
        pid = data.draw(st.sampled_from(sorted(self.cards)))
        self.cards[pid].end()
        self.kill(pid)

    @invariant()
    def what_is_seen_is_what_is_held(self) -> None:
        watcher = Fleet(self.fleet.directory)
        watcher.living = {**self.fleet.living}
        seen = [
            (
                *(process.pid, CARDS.index(use.card), device.size_bytes, device.limit_bytes),
                *(device.used_bytes, device.peak_bytes),
            )
            for use in watcher.start(99).snapshot()
            for process in use.processes
            for device in process.devices
        ]
        assert sorted(seen) == sorted((pid, *what) for (pid, _), what in self.held.items())
        assert min(map(self.free, range(4))) >= 0


TestCards = CardsMachine.TestCase
TestCards.settings = settings(max_examples=settings.default.max_examples, stateful_step_count=20)
