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
        (3, Phase.START, 1),
        (3, Phase.ENDED, 5),
        (3, Phase.ENDED, 4),
        (0, Phase.SOLVE, 9),
    ):
        clock.after(delay_ps, phase, number, see)
    clock.run()

    assert seen == [(0, 9), (3, 4), (3, 5), (3, 1), (7, 0)]


def test_what_a_late_phase_brings_for_an_early_one_comes_before_the_next_late_one(clock):
    seen = []

    def start(number):
        seen.append(("start", number))
        if number == 1:
            clock.after(0, Phase.ENDED, 7, lambda number: seen.append(("ended", number)))

    clock.after(0, Phase.START, 2, start)
    clock.after(0, Phase.START, 1, start)
    clock.run()

    assert seen == [("start", 1), ("ended", 7), ("start", 2)]


def test_time_is_exact_beyond_what_a_float_can_tell_apart(clock):
    seen = []
    clock.after(2**60 + 1, Phase.ENDED, 0, lambda _: seen.append(clock.now_ps))
    clock.run()

    assert seen == [2**60 + 1]


@pytest.mark.parametrize("delay", [-1, 1.0, float("nan"), float("inf"), True, None])
def test_a_delay_is_an_int_of_0_or_more(clock, delay):
    with pytest.raises(AssertionError, match="a delay must be an int"):
        clock.after(delay, Phase.ENDED, 0, lambda _: None)


def test_an_error_in_a_callback_comes_out_of_the_run(clock):
    clock.after(1, Phase.ENDED, 0, lambda number: 1 // number)
    with pytest.raises(ZeroDivisionError):
        clock.run()

    assert clock.now_ps == 1
