"""What tests claim: peaks of memory, and that nothing moves."""

from __future__ import annotations

import pytest

from simgpu.arrays import Runtime, constant
from simgpu.errors import InvalidValue, MachineError
from simgpu.testing.checks import PeakCheck, TransferCheck
from tests.messages import exactly
from tests.unit.testing.suites import problems


@pytest.fixture
def runtime():
    with Runtime("2 x 1MiB") as runtime:
        yield runtime


def test_a_peak_within_what_is_allowed_passes(runtime):
    kept = constant([0.0] * 1000)  # 4000 B, which the ledger counts as 4096

    PeakCheck(runtime)("GPU:0", 4096)
    PeakCheck(runtime)("/gpu:1", 0)
    assert kept.nbytes == 4000


def test_a_peak_above_what_is_allowed_is_stated_to_the_byte(runtime):
    constant([0.0] * 1000)
    with pytest.raises(AssertionError) as refused:
        PeakCheck(runtime)(kept_device(runtime), "4kB")

    assert str(refused.value) == (
        "GPU:0: the peak of 4 KiB (4096 B) is 96 B above the 4 kB (4000 B) allowed; "
        "largest then: constant 4 KiB (4096 B)"
    )


def kept_device(runtime):
    return runtime.machine.devices[1].name


def test_the_peak_of_another_runtime_can_be_checked(runtime):
    with Runtime("1 x 1MiB") as other:
        constant(1.0)

    PeakCheck(runtime)("GPU:0", 0)
    with pytest.raises(
        AssertionError,
        match=exactly("GPU:0: the peak of 512 B is 512 B above the 0 B allowed; largest then: constant 512 B"),
    ):
        PeakCheck(runtime)("GPU:0", 0, runtime=other)


def test_the_peak_of_an_unknown_device_or_size_is_refused(runtime):
    with pytest.raises(MachineError, match=exactly("the machine has no device 'GPU:2'; it has CPU:0, GPU:0, GPU:1")):
        PeakCheck(runtime)("GPU:2", 0)
    with pytest.raises(
        InvalidValue,
        match=exactly("at_most: '12' has no unit; accepted: an int in B, or text such as '512 MiB', '1.5GiB', '2 GB'"),
    ):
        PeakCheck(runtime)("GPU:0", "12")


def moved(runtime, times=1):
    with runtime.device("GPU:0"):
        array = constant([0.0] * 4)
    for _ in range(times):
        with runtime.device("GPU:1"):
            runtime.apply("Neg", [array])


def test_nothing_that_moves_passes_also_if_something_moved_before_and_after(runtime):
    check = TransferCheck(runtime)

    moved(runtime)
    with check():
        runtime.apply("Neg", [constant([0.0] * 4)])
    moved(runtime)

    assert not check.has_unused
    assert runtime.observers == ()


def test_a_copy_within_one_device_is_no_transfer(runtime):
    array = constant([0.0] * 4)

    with TransferCheck(runtime)():
        copy = runtime.copy(array, array._kind.site)

    assert copy.device == array.device


def test_everything_that_moves_is_named(runtime):
    with pytest.raises(AssertionError) as refused, TransferCheck(runtime)():
        moved(runtime, times=2)

    assert str(refused.value) == (
        "2 transfers between devices: float32[4] from GPU:0 to GPU:1 (16 B); float32[4] from GPU:0 to GPU:1 (16 B)"
    )
    assert runtime.observers == ()


def test_of_many_transfers_the_first_ten_are_named(runtime):
    named = r"^12 transfers between devices: (float32\S+ from [^;]*; ){10}2 more$"

    with pytest.raises(AssertionError, match=named), TransferCheck(runtime)():
        moved(runtime, times=12)


def test_an_error_in_the_region_is_not_hidden_by_what_moved(runtime):
    def move_and_fail():
        moved(runtime)
        raise KeyError

    with pytest.raises(KeyError), TransferCheck(runtime)():
        move_and_fail()

    assert runtime.observers == ()


def test_the_transfers_of_another_runtime_can_be_checked(runtime):
    with Runtime("2 x 1MiB") as other:
        with TransferCheck(runtime)():
            moved(other)
        with pytest.raises(AssertionError, match="1 transfer between"), TransferCheck(runtime)(other):
            moved(other)


def test_a_region_may_be_entered_twice(runtime):
    region = TransferCheck(runtime)()
    with pytest.raises(AssertionError, match="1 transfer between"), region:
        moved(runtime)

    with region:
        pass


def test_a_failure_shows_the_line_of_the_test_and_not_the_plugin(suite):
    suite.write(
        """
        import simgpu as sg

        def test_peak(assert_peak):
            sg.constant(1.0)
            assert_peak("GPU:0", 0)

        def test_transfers(gpus, simgpu_runtime, assert_no_transfers):
            with assert_no_transfers():
                x = sg.constant(1.0)
                with sg.device(gpus[1]):
                    simgpu_runtime().apply("Neg", [x])
        """
    )

    result = suite.run()

    result.assert_outcomes(failed=2)
    assert "checks.py" not in problems(result)
    assert '> assert_peak("GPU:0", 0) E AssertionError: GPU:0: the peak of 512 B is' in problems(result)
    assert "> with assert_no_transfers():" in problems(result)
    assert "E AssertionError: 1 transfer between devices: float32[] from GPU:0 to GPU:1 (4 B)" in problems(result)


def test_a_check_without_its_region_is_an_error_because_it_checks_nothing(suite):
    suite.write("def test_it(assert_no_transfers): assert_no_transfers()")

    result = suite.run()

    result.assert_outcomes(passed=1, errors=1)
    assert "assert_no_transfers() checked nothing; write `with assert_no_transfers():`" in problems(result)
