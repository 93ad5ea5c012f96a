"""Suites of tests as users write them, run by a pytest of their own with the plugin installed."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

import pytest

# A run within this process forgets the modules that it was the first to import; so they are imported here.
import simgpu.arrays.constants
import simgpu.arrays.default
import simgpu.arrays.namespace
import simgpu.arrays.recording
import simgpu.session
import simgpu.testing.checks
import simgpu.testing.runtimes
import simgpu.testing.strategies  # noqa: F401

SETTINGS = ("-p", "no:cacheprovider", "-W", "error", "--strict-markers", "--strict-config")


@dataclass(frozen=True)
class Suite:
    """A directory in which tests are written and run."""

    pytester: pytest.Pytester

    def write(self, source: str, name: str = "test_it") -> None:
        self.pytester.makepyfile(**{name: textwrap.dedent(source)})

    def run(self, *options: str) -> pytest.RunResult:
        """Run within this process: quick."""
        return self.pytester.runpytest_inprocess(*SETTINGS, *options)

    def run_apart(self, *options: str) -> pytest.RunResult:
        """Run in a process of its own: for what a run imports, and for processes of its own."""
        return self.pytester.runpytest_subprocess(*SETTINGS, *options)


def problems(result: pytest.RunResult) -> str:
    """Return what a run says of tests that failed or had errors, on one line."""
    text = result.stdout.str()
    start = min((text.find(f"= {title} =") for title in ("ERRORS", "FAILURES") if f"= {title} =" in text), default=0)
    return " ".join(text[start:].partition("short test summary info")[0].split())
