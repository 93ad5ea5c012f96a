import pytest

from simgpu.simulation.clock import Clock


@pytest.fixture
def clock():
    return Clock()


def test_callbacks_come_in_the_order_of_their_times_and_then_of_their_scheduling(clock):
    seen = []
    for delay_ps, name in ((7, "late"), (3, "first"), (3, "second"), (0, "now")):
        clock.after(delay_ps, lambda name=name: seen.append((clock.now_ps, name)))
    clock.run()

    assert seen == [(0, "now"), (3, "first"), (3, "second"), (7, "late")]


def test_the_end_of_an_instant_comes_after_all_that_the_instant_still_brings(clock):
    seen = []
    clock.at_end_of_instant(lambda: seen.append("end"))
    clock.after(0, lambda: (seen.append("first"), clock.after(0, lambda: seen.append("second"))))
    clock.after(1, lambda: seen.append("next instant"))
    clock.run()

    assert seen == ["first", "second", "end", "next instant"]


def test_time_is_exact_beyond_what_a_float_can_tell_apart(clock):
    seen = []
    clock.after(2**60 + 1, lambda: seen.append(clock.now_ps))
    clock.run()

    assert seen == [2**60 + 1]


@pytest.mark.parametrize("delay", [-1, 1.0, float("nan"), float("inf"), True, None])
def test_a_delay_is_an_int_of_0_or_more(clock, delay):
    with pytest.raises(AssertionError, match="a delay must be an int"):
        clock.after(delay, lambda: None)


def test_an_error_in_a_callback_comes_out_of_the_run(clock):
    clock.after(1, lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        clock.run()

    assert clock.now_ps == 1
