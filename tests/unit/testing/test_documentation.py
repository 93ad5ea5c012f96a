"""`docs/testing.md` tells the truth: its examples pass, and what it shows is what comes out."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from simgpu.testing import plugin, settings, strategies
from tests.unit.testing.suites import problems

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "testing.md").read_text()
BLOCKS = dict(re.findall(r"<!-- (\S+) -->\n```\w+\n(.*?)```", PAGE, re.DOTALL))
NAMES = set(re.findall(r"`@?(?:pytest\.mark\.)?([\w.-]+)", PAGE))


@pytest.mark.parametrize(
    ("name", "passed"),
    [("test_ring.py", 4), ("test_speed.py", 1), ("test_properties.py", 2)],
)
@pytest.mark.parametrize("options", [[], ["--simgpu=4"]])
def test_the_examples_pass(suite, name, passed, options):
    for file in ("ring.py", name):
        suite.write(BLOCKS[file], file.removesuffix(".py"))

    suite.run(*options).assert_outcomes(passed=passed)


def test_the_tests_of_the_example_find_a_mistake(suite):
    broken = BLOCKS["ring.py"].replace("(rank - turn) % n", "(rank + turn) % n")
    suite.write(broken, "ring")
    suite.write(BLOCKS["test_ring.py"], "test_ring")

    suite.run("-k", "has_the_sum").assert_outcomes(failed=1, deselected=3)


def test_the_header_is_the_one_shown(suite):
    suite.run("--simgpu=4").stdout.fnmatch_lines([BLOCKS["header"].strip()])


def test_the_error_of_a_leak_is_the_one_shown(suite):
    suite.write("KEPT = []\ndef test_it(xp): KEPT.append(xp.ones(4, device='gpu:1'))")

    assert BLOCKS["leak"].strip() in problems(suite.run())


def test_every_block_of_python_is_run():
    run = {"ring.py", "test_ring.py", "test_speed.py", "test_properties.py"}

    assert {name for name in BLOCKS if name.endswith(".py")} == run
    assert PAGE.count("```python") == len(run)


def test_every_option_fixture_marker_and_strategy_is_documented():
    fixtures = {name for name, value in inspect.getmembers(plugin) if hasattr(value, "_fixture_function")}
    options = {settings.OPTION, settings.DEVICES, settings.MEMORY, settings.STORAGE}
    markers = {settings.MARKER, plugin.ALLOW_LEAKS}

    assert len(fixtures) == 6
    assert sorted((fixtures | options | markers | set(strategies.__all__)) - NAMES) == []
