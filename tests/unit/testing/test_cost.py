"""Runs that don't use the plugin do not pay for it; runs on several processes work."""

from __future__ import annotations

import statistics
import subprocess
import sys

LOAD_CPU_LIMIT_S = 0.03

LOAD = """
import time, pytest, dataclasses
before = time.process_time()
import simgpu.testing.plugin
print(time.process_time() - before)
"""


def test_a_run_that_does_not_use_the_plugin_imports_nothing_for_it(suite):
    suite.write(
        """
        import sys

        AT_COLLECTION = set(sys.modules)

        def test_it():
            assert "simgpu.testing.plugin" in AT_COLLECTION
            ours = {name for name in sys.modules if name.partition(".")[0] in ("numpy", "simgpu")}
            assert sorted(ours) == [
                "simgpu", "simgpu.errors", "simgpu.testing", "simgpu.testing.plugin", "simgpu.testing.settings"
            ]
        """
    )

    suite.run_apart("-p", "no:hypothesispytest").assert_outcomes(passed=1)


def test_collection_starts_no_runtime_and_imports_no_arrays_even_with_the_option(suite):
    suite.write(
        """
        import sys
        import pytest

        AT_COLLECTION = set(sys.modules)

        @pytest.mark.multi_gpu(n=4)
        def test_it(gpus):
            assert AT_COLLECTION.isdisjoint({"numpy", "simgpu.arrays", "simgpu.storage"})
            assert {"numpy", "simgpu.arrays"} <= set(sys.modules)
        """
    )

    suite.run_apart("--simgpu=2").assert_outcomes(passed=1)


def test_loading_the_plugin_costs_little_processor_time():
    def seconds():
        done = subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, check=True)
        return float(done.stdout)

    assert statistics.median(seconds() for _ in range(3)) < LOAD_CPU_LIMIT_S


def test_the_plugin_can_be_turned_off(suite):
    suite.write("import sys\ndef test_it(): assert 'simgpu' not in sys.modules")

    suite.run_apart("-p", "no:simgpu").assert_outcomes(passed=1)


def test_tests_on_several_processes_have_devices_of_their_own(suite):
    suite.write(
        """
        import pytest
        import simgpu as sg

        KEPT = []

        @pytest.mark.parametrize("number", range(6))
        @pytest.mark.multi_gpu(memory="1MiB")
        def test_it(number, gpus, simgpu_runtime):
            assert len(gpus) == 3
            with sg.device(gpus[number % 3]):
                array = sg.constant([1.0] * 2**18)  # all of it
            assert simgpu_runtime().memory_statistics(gpus[number % 3]).current_bytes == 2**20

        def test_leak(): KEPT.append(sg.constant(1.0))

        @pytest.mark.multi_gpu(n="many")
        def test_bad(): pass
        """
    )

    result = suite.run_apart("-n", "2", "--simgpu=3")

    result.assert_outcomes(passed=7, errors=2)
    result.stdout.fnmatch_lines(["simgpu: 3 simulated GPUs of 256 MiB (numpy storage); no GPU code is run"])
    result.stdout.fnmatch_lines(["*the test has left memory in use: GPU:0 holds 512 B in 1 block: constant 512 B.*"])
    result.stdout.fnmatch_lines(["multi_gpu n: 'many' is not a number of devices; give an int of 1 or more"])
