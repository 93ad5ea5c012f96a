"""The pytest plugin: simulated GPUs for tests, so that multi-GPU tests run everywhere instead of being skipped.

A test has simulated GPUs if it asks for a fixture of this plugin, or if the run has `--simgpu`; all other tests are
left alone. Nothing that costs time is imported before a test needs it.
"""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from simgpu.testing.settings import MARKER, Settings, add_options, read_settings, settings_of

if TYPE_CHECKING:
    from simgpu.arrays.namespace import Namespace
    from simgpu.arrays.recording import Recording
    from simgpu.testing.checks import PeakCheck, TransferCheck
    from simgpu.testing.runtimes import Runtimes

ALLOW_LEAKS = "simgpu_allow_leaks"
_MARKERS = (
    f"{MARKER}(n=2, memory='256MiB', storage='numpy'): the simulated GPUs of a test; it runs, GPUs or not",
    f"{ALLOW_LEAKS}: what is alive on simulated GPUs at the end of this test is no error",
)
_SETTINGS = pytest.StashKey[Settings]()
_RUNTIMES = pytest.StashKey["Runtimes"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the option and the settings of the configuration file."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers; check what was asked for."""
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)
    config.stash[_SETTINGS] = read_settings(config)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say that the GPUs are simulated."""
    settings = config.stash[_SETTINGS]
    return f"simgpu: {settings}; no GPU code is run" if settings.is_on else None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give every test that is not skipped a runtime, if the run asks for it."""
    if item.config.stash[_SETTINGS].is_on:
        _runtimes_of(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note whether a test passed: the traceback of one that failed keeps its arrays alive."""
    report = yield
    if call.when == "call" and _RUNTIMES in item.stash:
        item.stash[_RUNTIMES].has_passed = report.passed
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, Any, Any]:
    """Close the runtimes of a test after all its fixtures, and look for leaks if it passed."""
    try:
        result = yield
        if _RUNTIMES in item.stash and item.stash[_RUNTIMES].has_passed:
            _check_leaks(item, item.stash[_RUNTIMES])
    finally:
        if _RUNTIMES in item.stash:
            item.stash[_RUNTIMES].close()
            del item.stash[_RUNTIMES]  # a test that is run again starts afresh
    return result


@pytest.fixture
def simgpu_runtime(request: pytest.FixtureRequest) -> Runtimes:
    """Return a function for runtimes: `simgpu_runtime()` is that of the test, `simgpu_runtime("2 x t4")` is one more.

    All are closed at the end. Arguments are those of `simgpu.Runtime`; storage is that of the test unless given.
    """
    return _runtimes_of(request.node)


@pytest.fixture
def gpus(simgpu_runtime: Runtimes) -> tuple[str, ...]:
    """Return the full names of the GPUs of a test, as arrays have them in `x.device`."""
    return tuple(device.name for device in simgpu_runtime.own.described.devices if device.kind == "GPU")


@pytest.fixture
def xp(simgpu_runtime: Runtimes) -> Namespace:
    """Return the array API namespace on the GPUs of a test."""
    return simgpu_runtime.own.xp()


@pytest.fixture
def gpu_trace(simgpu_runtime: Runtimes) -> Iterator[Recording]:
    """Record the test: `.trace` and `.transfers` until now, `.peak_bytes("GPU:0")`, and `.graph` for the simulator."""
    with simgpu_runtime.own.record() as recording:
        yield recording


@pytest.fixture
def assert_peak(simgpu_runtime: Runtimes) -> PeakCheck:
    """Check the peak of a device's memory in this test: `assert_peak("GPU:0", "64MiB")`.

    With `runtime=`, that of a device of another runtime.
    """
    from simgpu.testing.checks import PeakCheck

    return PeakCheck(simgpu_runtime.own)


@pytest.fixture
def assert_no_transfers(simgpu_runtime: Runtimes) -> Iterator[TransferCheck]:
    """Return a function for regions in which nothing may move between devices.

    Use it as `with assert_no_transfers():`; give a runtime if it is not the test's own.
    """
    from simgpu.testing.checks import TransferCheck

    check = TransferCheck(simgpu_runtime.own)
    yield check
    if check.has_unused:
        pytest.fail("assert_no_transfers() checked nothing; write `with assert_no_transfers():`", pytrace=False)


def _runtimes_of(item: pytest.Item) -> Runtimes:
    """Return the runtimes of a test; the first call makes them."""
    if _RUNTIMES not in item.stash:
        from simgpu.testing.runtimes import Runtimes

        item.stash[_RUNTIMES] = Runtimes(_settings_of(item))
    return item.stash[_RUNTIMES]


def _settings_of(item: pytest.Item) -> Settings:
    """Return what a test asks for, or fail it, in one line, if that cannot be meant."""
    try:
        return settings_of(item, item.config.stash[_SETTINGS])
    except pytest.UsageError as error:
        refused = str(error)
    pytest.fail(refused, pytrace=False)


def _check_leaks(item: pytest.Item, runtimes: Runtimes) -> None:
    """Fail if the test, now over with all its fixtures, left anything on a device."""
    if not runtimes.leaks() or item.get_closest_marker(ALLOW_LEAKS) is not None:
        return
    for held in (getattr(item, "funcargs", {}), getattr(vars(item).get("_instance"), "__dict__", {})):
        held.clear()  # pytest itself keeps what the fixtures returned, and the instance of a test class
    gc.collect()
    if leaks := runtimes.leaks():
        pytest.fail(
            f"the test has left memory in use: {leaks}. Something that outlives the test holds arrays: a global, a "
            f"cache, a running thread. Drop them or free them, or mark the test with {ALLOW_LEAKS}",
            pytrace=False,
        )
