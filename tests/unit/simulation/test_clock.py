import pytest

from simgpu.simulation.clock import Clock, Phase


@pytest.fixture
def clock():
    return Clock()


def test_callbacks_come_in_the_order_of_times_phases_and_numbers_whenever_they_were_asked_for(clock):
    seen = []

    def see(number):
        seen.append((clock.now_ps, number))

    for delay_ps, phase, number in (
        (7, Phase.CAPACITY, 0),
        (3, Phase.LATENCY_OVER, 1),
        (3, Phase.ENDED, 5),
        (3, Phase.ENDED, 4),
        (0, Phase.LATENCY_OVER, 9),
    ):
        clock.after(delay_ps, phase + number, see, number)
    clock.run()

    assert seen == [(0, 9), (3, 4), (3, 5), (3, 1), (7, 0)]


def test_the_end_of_an_instant_comes_when_nothing_else_is_due_at_it_in_the_order_of_phases(clock):
    seen = []

    def start():
        seen.append("start")
        clock.solves = [lambda: seen.append("solve")]
        if len(seen) == 2:
            clock.after(0, Phase.ENDED, ended, 7)

    def ended(number):
        seen.append(f"ended {number}")
        clock.starts = start

    clock.after(5, Phase.ENDED, ended, 3)
    clock.after(6, Phase.ENDED, seen.append, "next instant")
    clock.run()

    assert seen == ["ended 3", "start", "ended 7", "start", "solve", "next instant"]


def test_what_is_added_at_this_very_instant_takes_its_turn_in_the_order_of_the_rest(clock):
    seen = []

    def see(number):
        seen.append(number)
        if number == 1:
            clock.after(0, Phase.ENDED + 3, see, 3)
            clock.after(0, Phase.ENDED + 3, see, 3)  # as two parts of one task

    for number in (1, 2, 4):
        clock.after(5, Phase.ENDED + number, see, number)
    clock.run()

    assert seen == [1, 2, 3, 3, 4]


def test_time_is_exact_beyond_what_a_float_can_tell_apart(clock):
    seen = []
    clock.after(2**60 + 1, Phase.ENDED, lambda _: seen.append(clock.now_ps), 0)
    clock.run()

    assert seen == [2**60 + 1]


@pytest.mark.parametrize("delay", [-1, 1.0, float("nan"), float("inf"), True, None])
def test_a_delay_is_an_int_of_0_or_more(clock, delay):
    with pytest.raises(AssertionError, match="a delay must be an int"):
        clock.after(delay, Phase.ENDED, print, 0)


def test_an_error_in_a_callback_comes_out_of_the_run(clock):
    clock.after(1, Phase.ENDED, lambda number: 1 // number, 0)
    with pytest.raises(ZeroDivisionError):
        clock.run()

    assert clock.now_ps == 1
