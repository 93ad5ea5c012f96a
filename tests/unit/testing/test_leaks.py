"""What is alive on simulated GPUs when a test is over is an error of that test."""

from __future__ import annotations

import pytest

from tests.unit.testing.suites import problems

KEEPS = """
    import pytest
    import simgpu as sg

    KEPT = []

    {marker}
    def test_it(simgpu_runtime):
        with sg.device("gpu:1"):
            KEPT.append(sg.constant([1.0] * 1000))
            KEPT.append(simgpu_runtime().apply("Neg", KEPT[:1]))

    def test_next(simgpu_runtime): pass
"""


def test_a_leak_is_an_error_that_names_device_and_owners(suite):
    suite.write(KEEPS.format(marker=""))

    result = suite.run()

    result.assert_outcomes(passed=2, errors=1)
    assert problems(result).partition("ERROR at teardown of test_it ")[2].strip("_ =") == (
        "the test has left memory in use: GPU:1 holds 8 KiB in 2 blocks: constant 4 KiB, Neg 4 KiB. Something that "
        "outlives the test holds arrays: a global, a cache, a running thread. Drop them or free them, or mark the test "
        "with simgpu_allow_leaks"
    )


def test_a_marker_allows_leaks(suite):
    suite.write(KEEPS.format(marker="@pytest.mark.simgpu_allow_leaks"))

    suite.run("--simgpu").assert_outcomes(passed=2)


def test_with_the_option_tests_without_fixtures_are_checked_too(suite):
    suite.write("import simgpu as sg\nKEPT = []\ndef test_it(): KEPT.append(sg.constant(1.0))")

    suite.run().assert_outcomes(passed=1)
    suite.run("--simgpu").assert_outcomes(passed=1, errors=1)


def test_leaks_in_all_runtimes_of_a_test_count_also_in_closed_ones(suite):
    suite.write(
        """
        import simgpu as sg

        KEPT = []

        def test_it(simgpu_runtime):
            KEPT.append(sg.constant(1))
            with simgpu_runtime("1 x 1MiB"):
                KEPT.extend(sg.constant(1.0) for _ in range(7))
        """
    )

    result = suite.run()

    result.assert_outcomes(passed=1, errors=1)
    assert "in use: CPU:0 holds 512 B in 1 block: constant 512 B; GPU:0 holds 3.5 KiB in 7 blocks: " + ", ".join(
        ["constant 512 B"] * 5 + ["2 more. Something"]
    ) in problems(result)


@pytest.mark.parametrize("options", [[], ["--simgpu"]])
def test_what_only_the_test_its_fixtures_and_its_class_hold_is_no_leak(suite, options):
    suite.write(
        """
        import unittest
        import pytest
        import simgpu as sg

        @pytest.fixture
        def array(simgpu_runtime): return [sg.constant(1.0)]

        @pytest.fixture
        def yielded(simgpu_runtime):
            made = sg.constant(1.0)
            yield made
            assert made.value() == 1

        def test_fixtures(array, yielded): pass

        def test_cycle(simgpu_runtime):
            cycle = [sg.constant(1.0)]
            cycle.append(cycle)

        def test_exception(simgpu_runtime):
            held = sg.constant(1.0)
            with pytest.raises(ZeroDivisionError) as error:
                1 / 0

        class TestPlain:
            def test_instance(self, array): self.array = array

        @pytest.mark.usefixtures("gpus")
        class TestOld(unittest.TestCase):
            def setUp(self): self.array = sg.constant(1.0)
            def test_instance(self): pass
        """
    )

    suite.run(*options).assert_outcomes(passed=5)


def test_a_test_that_fails_or_is_skipped_or_expected_to_fail_is_not_blamed_for_leaks_as_well(suite):
    suite.write(
        """
        import unittest
        import pytest
        import simgpu as sg

        @pytest.fixture
        def array(simgpu_runtime): return sg.constant(1.0)

        @pytest.fixture
        def broken(array): raise ValueError

        def test_fails(array):
            held = array
            assert False

        def test_skips(array): pytest.skip()

        @pytest.mark.xfail
        def test_is_expected_to_fail(array): assert False

        def test_is_not_set_up(broken): pass

        @pytest.mark.usefixtures("gpus")
        class TestOld(unittest.TestCase):
            def test_fails(self):
                self.array = sg.constant(1.0)
                self.fail()
        """
    )

    suite.run().assert_outcomes(failed=2, skipped=1, xfailed=1, errors=1)


def test_an_error_of_a_fixture_at_its_end_is_reported_and_the_runtime_closed(suite):
    suite.write(
        """
        import pytest
        import simgpu as sg

        KEPT = []

        @pytest.fixture
        def broken(simgpu_runtime):
            KEPT.append((simgpu_runtime(), sg.constant(1.0)))
            yield
            raise ValueError("at the end")

        def test_it(broken): pass

        def test_next(): assert KEPT[0][0].is_closed and sg.default_runtime() is not KEPT[0][0]
        """
    )

    result = suite.run()

    result.assert_outcomes(passed=2, errors=1)
    assert "ValueError: at the end" in problems(result)
