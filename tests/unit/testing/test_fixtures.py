"""The fixtures: runtimes, devices, namespace, recording."""

from __future__ import annotations


def test_each_test_has_a_fresh_runtime_that_is_closed_at_its_end(suite):
    suite.write(
        """
        import pytest
        import simgpu as sg

        SEEN = []

        @pytest.mark.parametrize("number", range(3))
        def test_it(number, simgpu_runtime):
            runtime = simgpu_runtime()
            assert runtime is simgpu_runtime()
            assert not runtime.is_started
            assert all(other.is_closed and other is not runtime for other in SEEN)
            SEEN.append(runtime)
            array = sg.constant(1.0)
            assert runtime.memory_statistics("GPU:0").total_count == 1

        def test_the_last_one_is_closed(): assert SEEN[-1].is_closed
        """
    )

    suite.run().assert_outcomes(passed=4)


def test_the_runtime_of_a_test_is_the_default_one_on_all_threads(suite):
    suite.write(
        """
        from concurrent.futures import ThreadPoolExecutor
        import simgpu as sg

        BEFORE = sg.default_runtime()

        def test_it(simgpu_runtime):
            with ThreadPoolExecutor() as pool:
                seen = [sg.current_runtime(), pool.submit(sg.current_runtime).result()]
            assert seen == [simgpu_runtime()] * 2

        def test_that_the_default_comes_back(): assert sg.current_runtime() is BEFORE
        """
    )

    suite.run().assert_outcomes(passed=2)


def test_with_the_option_every_test_has_its_own_default_runtime(suite):
    suite.write(
        """
        import unittest
        import simgpu as sg

        SEEN = []

        def note():
            assert len(sg.current_runtime().described.devices) == 4
            SEEN.append(sg.current_runtime())
            assert len({id(runtime) for runtime in SEEN}) == len(SEEN)

        def test_one(): note()
        def test_two(): note()

        class TestPlain:
            def test_three(self): note()

        class TestOld(unittest.TestCase):
            def test_four(self): note()
        """
    )

    suite.run("--simgpu=3").assert_outcomes(passed=4)


def test_gpus_are_the_full_names_that_arrays_have(suite):
    suite.write(
        """
        import simgpu as sg

        def test_it(gpus):
            assert gpus == tuple(f"/job:localhost/replica:0/task:0/device:GPU:{number}" for number in range(2))
            for name in gpus:
                with sg.device(name):
                    assert sg.constant(1.0).device == name
        """
    )

    suite.run().assert_outcomes(passed=1)


def test_a_test_may_have_more_runtimes_which_are_closed_at_its_end(suite):
    suite.write(
        """
        import pytest
        import simgpu as sg

        MADE = []

        @pytest.mark.multi_gpu(n=3, storage="shape")
        def test_it(simgpu_runtime, gpus):
            big = simgpu_runtime("8 x h100-80g")
            strict = simgpu_runtime(mixed="raise", storage="numpy")
            MADE.extend([big, strict])
            assert [len(made.machine.devices) for made in MADE] == [9, 4]
            assert [made.storage.name for made in MADE] == ["shape", "numpy"]
            assert strict.rules.mixed == "raise"
            assert sg.current_runtime() is simgpu_runtime()
            with big:
                assert sg.current_runtime() is big
            with strict, strict.device("GPU:2"):
                assert sg.constant(1.0).device == gpus[2]

        def test_all_are_closed():
            assert [made.is_closed for made in MADE] == [True, True]
        """
    )

    suite.run().assert_outcomes(passed=2)


def test_a_project_may_have_fixtures_of_the_same_names(suite):
    suite.write(
        """
        import pytest

        @pytest.fixture
        def xp(): return "mine"

        @pytest.fixture
        def gpus(gpus): return gpus[:1]

        def test_it(xp, gpus): assert (xp, len(gpus)) == ("mine", 1)
        """
    )

    suite.run().assert_outcomes(passed=1)


def test_the_recording_of_a_test_tells_what_it_has_run_until_now(suite):
    suite.write(
        """
        import simgpu as sg

        def test_it(gpus, gpu_trace):
            assert gpu_trace.trace.spans == []
            with sg.device(gpus[0]):
                x = sg.constant([1.0] * 1000)
            with sg.device(gpus[1]):
                sg.current_runtime().apply("Neg", [x])
            (span,) = gpu_trace.transfers
            assert (span.resource, span.size_bytes) == ("GPU:0 -> GPU:1", 4000)
            assert gpu_trace.peak_bytes("GPU:0") == 4096
            predicted = sg.simulate(sg.place(gpu_trace.graph_for(as_variables=True), "4 x h100-80g"))
            assert predicted.makespan_ps > 0
        """
    )

    suite.run().assert_outcomes(passed=1)


def test_a_test_that_is_run_again_starts_afresh(suite):
    suite.write(
        """
        import simgpu as sg

        KEPT = []

        def test_it(simgpu_runtime):
            assert simgpu_runtime().memory_statistics("GPU:0").total_count == 0
            if not KEPT:
                KEPT.append(sg.constant(1.0))
        """,
    )
    suite.pytester.makeconftest(
        """
        from _pytest.runner import runtestprotocol

        def pytest_runtest_protocol(item, nextitem):
            reports = [runtestprotocol(item, nextitem=nextitem, log=log) for log in (False, True)]
            assert [report.outcome for report in reports[0]] == ["passed", "passed", "failed"]
            return True
        """
    )

    suite.run().assert_outcomes(passed=1)


def test_skipped_tests_get_no_runtime(suite):
    suite.write(
        """
        import pytest
        import simgpu as sg

        BEFORE = sg.default_runtime()

        @pytest.mark.skip
        @pytest.mark.multi_gpu(n="nothing that can be meant")
        def test_it(gpus): pass
        """
    )

    suite.run("--simgpu").assert_outcomes(skipped=1)


def test_the_namespace_is_that_of_the_runtime_of_the_test(suite):
    suite.write(
        """
        import pytest

        @pytest.mark.multi_gpu(n=3)
        @pytest.mark.parametrize("number", range(2))
        def test_it(number, xp, gpus, simgpu_runtime):
            x = xp.ones(1000, dtype=xp.float32)
            y = x.to_device(gpus[2])
            assert (x.device, (y + y).device) == (gpus[0], gpus[2])
            assert simgpu_runtime().memory_statistics("GPU:2").total_count == 2
            with pytest.raises(ValueError, match="GPU:0"):
                x + y
        """
    )

    suite.run().assert_outcomes(passed=2)
