from __future__ import annotations

import os
import threading

import pytest

from simgpu.cards.turns import TURNS, Turns


def test_what_is_asked_for_outside_a_turn_is_done_at_once():
    done = []
    Turns().soon(lambda: done.append(1))

    assert done == [1]


def test_what_is_asked_for_within_a_turn_is_done_at_its_end_and_in_order():
    turns, done = Turns(), []
    with turns.turn():
        turns.soon(lambda: done.append(1))
        turns.soon(lambda: done.append(2))
        within = list(done)

    assert (within, done) == ([], [1, 2])


def test_what_waits_is_done_after_a_turn_that_failed_too():
    turns, done = Turns(), []

    def fail() -> None:
        with turns.turn():
            turns.soon(lambda: done.append(1))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert done == [1]


def test_what_an_action_asks_for_is_done_after_it():
    turns, done = Turns(), []
    turns.soon(lambda: (turns.soon(lambda: done.append(2)), done.append(1)))

    assert done == [1, 2]


def test_turns_of_threads_do_not_overlap():
    turns, inside, most = Turns(), [], []

    def take() -> None:
        for _ in range(200):
            with turns.turn():
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most == [1] * 800


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_waits_for_the_turn_of_another_thread_and_its_child_can_take_one():
    entered, order = threading.Event(), []

    def hold() -> None:
        with TURNS.turn():
            entered.set()
            threading.Event().wait(0.1)
            order.append("turn")

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait()
    child = os.fork()
    if child == 0:
        with TURNS.turn():
            os._exit(0 if order == ["turn"] else 1)
    order.append("fork")
    thread.join()

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert order == ["turn", "fork"]
