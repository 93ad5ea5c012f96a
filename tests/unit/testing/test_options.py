"""The option, the settings of the configuration file, the marker, and the header."""

from __future__ import annotations

import pytest

from tests.unit.testing.suites import problems

DEVICES = """
    def test_it(simgpu_runtime, gpus):
        machine = simgpu_runtime().machine
        sizes = [device.memory_limit_bytes for device in machine.devices if device.kind == "GPU"]
        assert (len(gpus), set(sizes), simgpu_runtime().storage.name) == {expected!r}
"""
MiB = 2**20


def header(result):
    return [line for line in result.stdout.lines if line.startswith("simgpu")]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], (2, {256 * MiB}, "numpy")),
        (["--simgpu"], (2, {256 * MiB}, "numpy")),
        (["--simgpu=4"], (4, {256 * MiB}, "numpy")),
        (["-o", "simgpu_devices=3", "-o", "simgpu_memory=1GiB"], (3, {1024 * MiB}, "numpy")),
        (["-o", "simgpu_devices=3", "--simgpu"], (3, {256 * MiB}, "numpy")),
        (["-o", "simgpu_devices=3", "--simgpu=1"], (1, {256 * MiB}, "numpy")),
        (["-o", "simgpu_storage=shape", "-o", "simgpu_memory=80 GiB"], (2, {80 * 1024 * MiB}, "shape")),
    ],
)
def test_a_test_gets_the_devices_that_the_run_asks_for(suite, options, expected):
    suite.write(DEVICES.format(expected=expected))

    suite.run(*options).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("markers", "options", "expected"),
    [
        (["multi_gpu(n=4)"], ["--simgpu=2"], (4, {256 * MiB}, "numpy")),
        (["multi_gpu(n=2)"], ["--simgpu=8"], (2, {256 * MiB}, "numpy")),
        (["multi_gpu(n=1)"], [], (1, {256 * MiB}, "numpy")),
        (["multi_gpu(3, '1 MiB')"], [], (3, {MiB}, "numpy")),
        (["multi_gpu(memory=512)"], ["--simgpu=5"], (5, {512}, "numpy")),
        (["multi_gpu(storage='shape')"], [], (2, {256 * MiB}, "shape")),
        (["multi_gpu"], ["--simgpu=1"], (2, {256 * MiB}, "numpy")),
        (["multi_gpu(n=4, memory='1MiB')", "multi_gpu(n=3)"], [], (3, {MiB}, "numpy")),
        (["multi_gpu(n=1)", "multi_gpu(memory='1MiB')"], ["--simgpu=4"], (1, {MiB}, "numpy")),
        (["multi_gpu(n=None, memory=None)"], ["--simgpu=4"], (4, {256 * MiB}, "numpy")),
    ],
)
def test_a_marker_changes_what_it_names_and_the_closest_one_wins(suite, markers, options, expected):
    lines = "".join(f"    @pytest.mark.{marker}\n" for marker in markers)
    suite.write("    import pytest\n" + lines + DEVICES.format(expected=expected).lstrip("\n"))

    suite.run(*options).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--simgpu=4"], "simgpu: 4 simulated GPUs of 256 MiB (numpy storage); no GPU code is run"),
        (["--simgpu=1"], "simgpu: 1 simulated GPU of 256 MiB (numpy storage); no GPU code is run"),
        (
            ["--simgpu", "-o", "simgpu_storage=shape", "-o", "simgpu_memory=80GiB"],
            "simgpu: 2 simulated GPUs of 80 GiB (shape storage); no GPU code is run",
        ),
    ],
)
def test_the_header_says_that_no_gpu_code_is_run(suite, options, line):
    assert header(suite.run(*options)) == [line]


def test_without_the_option_there_is_no_header_even_with_settings(suite):
    assert header(suite.run("-o", "simgpu_devices=8")) == []


NO_COUNT = "is not a number of devices; write --simgpu=N, or a bare --simgpu behind the paths"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--simgpu=x"], f"--simgpu: 'x' {NO_COUNT}"),
        (["--simgpu=0"], f"--simgpu: '0' {NO_COUNT}"),
        (["--simgpu=-1"], f"--simgpu: '-1' {NO_COUNT}"),
        (["--simgpu", "."], f"--simgpu: '.' {NO_COUNT}"),
        (
            ["--simgpu=5000"],
            "5000 simulated GPUs of 256 MiB (numpy storage) cannot be had: "
            "a count is between 1 and 4096, not 5000; lower the count",
        ),
        (
            ["-o", "simgpu_devices=0"],
            "simgpu_devices: 0 is not a number of devices; give an int of 1 or more",
        ),
        (
            ["-o", "simgpu_devices=two"],
            "simgpu_devices: 'two' is not a number of devices; give an int of 1 or more",
        ),
        (
            ["-o", "simgpu_memory=12"],
            "simgpu_memory: '12' has no unit; accepted: an int in B, or text such as '512 MiB', '1.5GiB', '2 GB'",
        ),
        (
            ["-o", "simgpu_memory=0 B"],
            "2 simulated GPUs of 0 B (numpy storage) cannot be had: "
            "a GPU of '0 B' has no memory; give it more than 0 B",
        ),
        (["-o", "simgpu_storage=tape"], "simgpu_storage: 'tape' is no storage; choose numpy, cupy, shape"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(suite, options, message):
    result = suite.run(*options)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.stderr.str().strip() == f"ERROR: {message}"


FORM = "write multi_gpu(n=2, memory='256MiB', storage='numpy'), any of them left out"


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("multi_gpu(n=0)", "multi_gpu n: 0 is not a number of devices; give an int of 1 or more"),
        ("multi_gpu(n=True)", "multi_gpu n: True is not a number of devices; give an int of 1 or more"),
        ("multi_gpu(n=2.0)", "multi_gpu n: 2.0 is not a number of devices; give an int of 1 or more"),
        ("multi_gpu(gpus=4)", f"multi_gpu(gpus=4) is not understood; {FORM}"),
        ("multi_gpu(1, 2, 3, n=4)", f"multi_gpu(1, 2, 3, n=4) is not understood; {FORM}"),
        (
            "multi_gpu(memory='1Gb')",
            "multi_gpu memory: '1Gb' has the unit 'Gb', which may be bits or bytes; write GB for bytes; "
            "accepted: an int in B, or text such as '512 MiB', '1.5GiB', '2 GB'",
        ),
        ("multi_gpu(storage='cuda')", "multi_gpu storage: 'cuda' is no storage; choose numpy, cupy, shape"),
        (
            "multi_gpu(n=5000)",
            "5000 simulated GPUs of 256 MiB (numpy storage) cannot be had: "
            "a count is between 1 and 4096, not 5000; lower the count",
        ),
    ],
)
@pytest.mark.parametrize("options", [["--simgpu"], []])
def test_a_marker_that_cannot_be_meant_fails_its_test_alone_and_in_one_line(suite, marker, message, options):
    suite.write(f"import pytest\n@pytest.mark.{marker}\ndef test_bad(gpus): pass\ndef test_good(gpus): pass")

    result = suite.run(*options)

    result.assert_outcomes(passed=1, errors=1)
    title = "ERROR at setup of test_bad"
    assert problems(result).partition(title)[2].strip(" _=") == message


def test_markers_and_options_are_documented_by_pytest_itself(suite):
    markers, help, fixtures = (suite.run(option).stdout.str() for option in ("--markers", "--help", "--fixtures"))

    assert "@pytest.mark.multi_gpu(n=2, memory='256MiB', storage='numpy'): " in markers
    assert "@pytest.mark.simgpu_allow_leaks: " in markers
    assert "--simgpu=[N]" in help or "--simgpu [N]" in help
    for name in ("simgpu_devices", "simgpu_memory", "simgpu_storage"):
        assert f"  {name}" in help
    for name in ("assert_no_transfers", "assert_peak", "gpu_trace", "gpus", "simgpu_runtime", "xp"):
        assert f"\n{name} -- " in fixtures


def test_a_suite_with_a_multi_gpu_marker_of_its_own_is_left_alone_without_the_option(suite):
    suite.write(
        """
        import sys
        import pytest

        @pytest.mark.multi_gpu(gpu_num=4, reason="a meaning of its own")
        def test_it():
            import simgpu as sg
            assert len(sg.default_runtime().described.devices) == 2
        """
    )

    suite.run().assert_outcomes(passed=1)
    suite.run("--simgpu").assert_outcomes(errors=1)
