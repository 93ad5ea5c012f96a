"""Claims by example, with processes that the test starts and kills."""

from __future__ import annotations

import gc
import threading

import pytest

from simgpu.cards import CardKey, CardUse, ClaimRequest, DeviceUse, ProcessUse, SharedCards, card_key
from simgpu.errors import ExecutionError, InvalidValue, MemoryShortage, OutOfDeviceMemory
from simgpu.machine import Machine
from tests.unit.cards.fleet import CARDS, GIB, hold, request, sizes

GPU_0 = "/job:localhost/replica:0/task:0/device:GPU:0"
CURES = (
    "three cures: give each program a memory limit (set_logical_device_configuration), let its memory grow with its "
    "need (set_memory_growth), or give it other cards (CUDA_VISIBLE_DEVICES)"
)


def test_nothing_is_touched_before_the_first_claim(fleet, directory):
    cards = fleet.start(1)

    assert cards.snapshot() == ()
    assert cards.claim_all([]) == ()
    assert not directory.exists()


def test_a_claim_is_seen_by_all_programs_until_it_is_released(fleet):
    one, other = fleet.start(1), fleet.start(2)
    claim = one.claim(request(0, GIB, limit_bytes=3 * GIB))
    claim.report(100, 700)

    assert other.snapshot() == (
        CardUse(CARDS[0], (ProcessUse(1, "p1.py", (DeviceUse(GPU_0, GIB, 3 * GIB, 100, 700),)),)),
    )

    claim.release()

    assert other.snapshot() == ()


def test_two_programs_share_four_cards_and_a_third_is_refused(fleet):
    hold(fleet.start(1))
    hold(fleet.start(2))

    with pytest.raises(OutOfDeviceMemory) as refused:
        hold(fleet.start(3))

    assert str(refused.value) == (
        "card host0/GPU:0 (generic-4GiB, GPU-0): out of memory: p3.py (pid 3) asked for 2 GiB for GPU:0; 0 B of 4 GiB "
        f"are free; held by: p1.py (pid 1) with GPU:0 2 GiB; p2.py (pid 2) with GPU:0 2 GiB; {CURES}"
    )
    assert refused.value.shortage == MemoryShortage(
        device="host0/GPU:0",
        owner=GPU_0,
        requested_bytes=2 * GIB,
        needed_bytes=2 * GIB,
        used_bytes=4 * GIB,
        limit_bytes=4 * GIB,
        largest_hole_bytes=0,
        largest_live=(("p1.py (pid 1) GPU:0", 2 * GIB), ("p2.py (pid 2) GPU:0", 2 * GIB)),
    )


def test_all_is_claimed_or_nothing(fleet):
    fleet.start(1).claim(request(3, 3 * GIB))
    cards = fleet.start(2)

    with pytest.raises(OutOfDeviceMemory, match=r"^card host0/GPU:3 .* 1 GiB of 4 GiB are free"):
        hold(cards)

    assert sizes(cards) == {(3, "p1.py"): [3 * GIB]}


def test_claims_on_one_card_count_together(fleet):
    cards = fleet.start(1)

    with pytest.raises(OutOfDeviceMemory, match=r"for GPU:5; 1 GiB of 4 GiB are free; held by: this program \(pid 1\)"):
        cards.claim_all([request(0, 3 * GIB), request(0, 2 * GIB, device=5)])

    assert len(cards.claim_all([request(0, 3 * GIB), request(0, GIB, device=5)])) == 2
    assert sizes(cards) == {(0, "p1.py"): [3 * GIB, GIB]}


def test_a_program_that_is_in_its_own_way_is_told_so(fleet):
    cards = fleet.start(1)
    cards.claim(request(0, 4 * GIB))

    with pytest.raises(OutOfDeviceMemory) as refused:
        cards.claim(request(0, GIB, device=1))

    assert str(refused.value) == (
        "card host0/GPU:0 (generic-4GiB, GPU-0): out of memory: p1.py (pid 1) asked for 1 GiB for GPU:1; 0 B of 4 GiB "
        "are free; held by: this program (pid 1) with GPU:0 4 GiB; close what this program no longer needs; " + CURES
    )


def test_many_holders_are_cut_short(fleet):
    for pid in range(1, 8):
        fleet.start(pid).claim_all(request(0, GIB // 16, device=device) for device in range(7))

    with pytest.raises(OutOfDeviceMemory) as refused:
        fleet.start(9).claim(request(0, 4 * GIB))

    message = str(refused.value)
    assert message.count("(pid ") == 6
    assert "GPU:3 64 MiB, GPU:4 64 MiB and 2 more; p2.py" in message
    assert "and 2 more and 2 more; three cures" in message


def test_more_than_the_whole_card_is_refused_though_nobody_holds_it(fleet):
    with pytest.raises(OutOfDeviceMemory, match=r"asked for 5 GiB .* 4 GiB of 4 GiB are free; held by: nobody; three"):
        fleet.start(1).claim(request(0, 5 * GIB))


def test_growth_takes_what_is_needed_and_stops_where_the_card_ends(fleet):
    claim = fleet.start(1).claim(request(0, 0, limit_bytes=4 * GIB))
    other = fleet.start(2).claim(request(0, GIB, limit_bytes=4 * GIB))
    claim.grow(GIB)
    claim.grow(2 * GIB)

    with pytest.raises(OutOfDeviceMemory, match=r"p2\.py \(pid 2\) asked for 1 B for GPU:0; 0 B of 4 GiB are free"):
        other.grow(1)

    assert (claim.size_bytes, other.size_bytes) == (3 * GIB, GIB)
    assert sizes(fleet.start(3)) == {(0, "p1.py"): [3 * GIB], (0, "p2.py"): [GIB]}


def test_nothing_grows_beyond_its_limit(fleet):
    claim = fleet.start(1).claim(request(0, 100, limit_bytes=300))

    with pytest.raises(InvalidValue) as refused:
        claim.grow(201)

    assert str(refused.value) == f"{GPU_0} holds 100 B and cannot grow by 201 B: its limit is 300 B"
    assert (claim.size_bytes, claim.limit_bytes) == (100, 300)


def test_threads_that_grow_one_claim_add_up(fleet):
    claim = fleet.start(1).claim(request(0, 0, limit_bytes=4 * GIB))
    threads = [threading.Thread(target=lambda: [claim.grow(1) for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert claim.size_bytes == 80
    assert sizes(fleet.start(2)) == {(0, "p1.py"): [80]}


def test_the_memory_of_a_dead_process_goes_to_the_next_that_asks(fleet):
    hold(fleet.start(1), 4 * GIB)
    fleet.kill(1)

    assert len(hold(fleet.start(2), 4 * GIB)) == 4
    assert {program for _, program in sizes(fleet.start(3))} == {"p2.py"}


def test_a_look_removes_the_dead_too(fleet):
    cards = fleet.start(1)
    cards.claim(request())
    fleet.kill(1)

    assert fleet.start(2).snapshot() == ()
    assert cards.path.exists()


def test_a_pid_that_comes_again_does_not_inherit(fleet):
    hold(fleet.start(1, "old.py"), 4 * GIB)
    fleet.kill(1)
    again = fleet.start(1, "new.py")

    assert again.snapshot() == ()
    assert len(hold(again, 4 * GIB)) == 4


def test_a_fork_does_not_own_the_claims_of_its_parent(fleet):
    cards = fleet.start(1)
    claim = cards.claim(request(0, GIB, limit_bytes=2 * GIB))
    claim.report(5, 5)
    cards._processes.fork(7)

    claim.report(9, 9)
    claim.release()
    cards.end()
    with pytest.raises(ExecutionError) as refused:
        claim.grow(1)

    assert not claim.is_held
    assert str(refused.value) == (
        f"{GPU_0} cannot grow: its claim belongs to process 1, of which this one (pid 7) is a fork; claim after the "
        "fork, or start processes with the method 'spawn'"
    )
    assert fleet.start(2).snapshot() == (
        CardUse(CARDS[0], (ProcessUse(1, "p1.py", (DeviceUse(GPU_0, GIB, 2 * GIB, 5, 5),)),)),
    )


def test_a_fork_may_claim_for_itself(fleet):
    cards = fleet.start(1)
    cards.claim(request())
    cards._processes.fork(7)

    with cards.claim(request()) as own:
        assert own.is_held
        assert [process.pid for process in cards.snapshot()[0].processes] == [1, 7]


def test_release_is_final_and_may_be_repeated(fleet):
    cards = fleet.start(1)
    claim, other = cards.claim_all([request(), request()])
    claim.release()
    claim.release()
    claim.report(1, 1)

    with pytest.raises(ExecutionError, match="cannot grow: its claim has been released"):
        claim.grow(1)
    assert repr(claim) == f"<Claim of {GPU_0} on host0/GPU:0: released>"
    assert repr(other) == f"<Claim of {GPU_0} on host0/GPU:0: {GIB} of {GIB} B>"
    assert sizes(cards) == {(0, "p1.py"): [GIB]}


def test_a_claim_is_released_at_the_end_of_its_block_whatever_happens(fleet):
    cards = fleet.start(1)

    with pytest.raises(KeyError), cards.claim(request()):
        raise KeyError

    assert cards.snapshot() == ()


def test_several_claims_are_released_together(fleet):
    cards = fleet.start(1)
    cards.release_all(hold(cards))

    assert cards.snapshot() == ()


def test_release_never_raises_and_makes_nothing(fleet, directory):
    claim = fleet.start(1).claim(request())
    for path in directory.iterdir():
        path.unlink()
    directory.rmdir()
    claim.release()

    assert not directory.exists()


def test_a_finalizer_may_release_while_a_claim_is_made(fleet):
    """A garbage collection inside a transaction must not wait for the lock that its own thread holds."""
    cards = fleet.start(1)
    holder = type("Holder", (), {"__del__": lambda self: self.claim.release()})()
    holder.claim, holder.itself = cards.claim(request(0, GIB)), holder
    del holder
    living, cards._living = cards._living, lambda connection: (gc.collect(), living(connection))[1]

    claim = cards.claim(request(1))

    assert claim.is_held
    assert sizes(fleet.start(2)) == {(1, "p1.py"): [GIB]}


def test_figures_start_at_zero_where_another_claim_left_its_own(fleet):
    cards = fleet.start(1)
    first = cards.claim(request())
    first.report(10, 20)
    first.release()
    cards.claim(request())

    assert [device.peak_bytes for use in cards.snapshot() for device in use.processes[0].devices] == [0]


def outside(cards):
    return [None if use.outside_bytes is None else use.outside_bytes // GIB for use in cards.snapshot()]


def test_what_lies_outside_of_claims_is_what_the_program_saw_that_looked_last_without_what_others_claim(fleet):
    cards = [fleet.start(pid) for pid in (1, 2, 3)]
    claims = [it.claim(request(0, GIB // 2)) for it in cards[:2]]
    second = cards[0].claim(request(0, GIB // 4, device=1))
    found = [outside(cards[2])]
    for claim, size in ((claims[0], 3 * GIB), (claims[1], 2 * GIB + GIB // 2), (second, 5 * GIB + GIB // 2)):
        claim.report_outside(size)
        found.append(outside(cards[2]))
    claims[1].release()
    found.append(outside(cards[2]))

    assert found == [[None], [2], [1], [5], [5]]


def test_what_lies_outside_is_never_less_than_nothing_and_belongs_to_its_card(fleet):
    first, second = fleet.start(1), fleet.start(2)
    second.claim(request(0, 2 * GIB))
    first.claim(request(0)).report_outside(GIB)
    first.claim(request(1))

    assert outside(first) == [0, None]


def test_what_a_claim_has_said_of_its_card_is_gone_with_it(fleet):
    cards = fleet.start(1)
    claim = cards.claim(request())
    claim.report_outside(GIB)
    before = outside(cards)
    claim.release()
    claim.report_outside(2 * GIB)
    cards.claim(request())

    assert (before, outside(cards)) == ([1], [None])


def test_a_file_that_cannot_be_written_says_nothing_and_breaks_nothing(fleet):
    cards = fleet.start(1)
    claim = cards.claim(request())
    cards.path.with_suffix(".outside").symlink_to("elsewhere")
    claim.report_outside(GIB)

    assert outside(cards) == [None]


def test_the_file_of_what_lies_outside_is_made_when_somebody_says_so_and_is_private(fleet):
    cards = fleet.start(1)
    path = cards.path.with_suffix(".outside")
    claim = cards.claim(request())
    was_there = path.exists()
    claim.report_outside(GIB)

    assert (was_there, path.stat().st_mode & 0o777) == (False, 0o600)


def test_cards_are_one_if_uuid_and_memory_are_the_same():
    small, large = Machine("1 x 2GiB"), Machine("2 x 2GiB")

    assert card_key(small.physical_devices[1]) == card_key(large.physical_devices[1])
    assert card_key(small.physical_devices[1]) != card_key(large.physical_devices[2])
    assert card_key(small.physical_devices[1]) == CardKey(
        small.physical_devices[1].uuid, "host0/GPU:0", "generic-2GiB", 2 * GIB
    )


def test_a_cpu_is_not_shared():
    with pytest.raises(InvalidValue, match=r"^host0/CPU:0 has no UUID; only GPUs are shared between programs$"):
        card_key(Machine("cpu").physical_devices[0])


def test_cards_are_listed_in_order_of_their_slots(fleet):
    cards = fleet.start(1)
    keys = [CardKey(f"GPU-{number}", f"host0/GPU:{number}", "m", 10) for number in (10, 9, 2)]
    cards.claim_all(ClaimRequest(key, GPU_0, 1) for key in keys)

    assert [use.card for use in cards.snapshot()] == keys[::-1]


@pytest.mark.parametrize(
    ("limit", "size", "says"),
    [
        (-1, None, "limit_bytes is -1; give an int of 0 or more bytes"),
        (1.5, None, "limit_bytes is 1.5; give an int of 0 or more bytes"),
        (True, None, "limit_bytes is True; give an int of 0 or more bytes"),
        (2**63, None, "limit_bytes is 9223372036854775808; give an int of 0 or more bytes"),
        (10, -1, "size_bytes is -1; give an int of 0 or more bytes"),
        (10, 11, "11 B now are more than the limit of 10 B; raise limit_bytes, or ask for less"),
    ],
)
def test_amounts_that_cannot_be_meant_are_refused(limit, size, says):
    with pytest.raises(InvalidValue) as caught:
        ClaimRequest(CARDS[0], GPU_0, limit, size)

    assert str(caught.value) == f"{GPU_0}: {says}"


def test_a_directory_may_be_given_as_text(directory):
    assert SharedCards(str(directory)).path.parent == directory
