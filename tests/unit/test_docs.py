"""The documents tell the truth: every example runs, and every key, status and kernel set is there."""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import simgpu as sg
from simgpu import cli, config, environment
from simgpu.cli import entry
from simgpu.kernels import KERNEL_SETS
from simgpu.machine.link_mapping import LINK_FIGURES
from simgpu.machine.mapping import _HOST_KEYS, _KEYS, _LINK_KEYS
from simgpu.machine.topology_kinds import GPU_KINDS, HOST_KINDS, NETWORK_KINDS
from simgpu.report import result_json
from simgpu.scenario import scenario_from_text
from simgpu.scenario.schema import (
    ExecutionSection,
    GraphSection,
    ModelSection,
    OperationSection,
    PlacementSection,
    RuleSection,
    ScenarioSection,
    SimulationSection,
)
from simgpu.session import run
from tests.unit.report.runs import small_run, starved_run

ROOT = Path(__file__).resolve().parents[2]
TESTED = ("scenarios", "graphs", "machines", "devices", "readers", "simulation", "metrics", "calibration")
PAGES = {name: (ROOT / "docs" / f"{name}.md").read_text() for name in TESTED}
NAMED = re.compile(r"^<!-- (\S+) -->\n```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
DOCS = {name: NAMED.sub("", text) for name, text in PAGES.items()}
"""The pages without the blocks that have a name: each of those has a test of its own."""
WORK = "\ngraph: {operations: [{name: x, op: Input, shape: [4]}, {name: y, op: Relu, inputs: [x]}]}\n"


def blocks(text: str) -> list[tuple[str, str]]:
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def examples(language: str) -> list[tuple[str, str]]:
    return [(name, code) for name, text in DOCS.items() for kind, code in blocks(text) if kind == language]


def code_names(text: str) -> set[str]:
    return set(re.findall(r"`([^`\n]+)`", text))


def keys_of(data: object) -> set[str]:
    match data:
        case dict():
            return {*data, *(key for item in data.values() for key in keys_of(item))}
        case list():
            return {key for item in data for key in keys_of(item)}
    return set()


def test_every_block_is_of_a_kind_that_is_tested():
    assert {kind for text in DOCS.values() for kind, _ in blocks(text)} == {"python", "text", "yaml", "sh"}


@pytest.fixture(autouse=True)
def default_settings(monkeypatch, tmp_path):
    """Let no variable of this process speak, and share no card with its other programs."""
    for variable in (*environment_variables(), "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(variable, raising=False)
    directory = tmp_path / "cards"
    directory.mkdir(mode=0o700)
    monkeypatch.setenv(environment.DIRECTORY, str(directory))
    before = sg.set_default_runtime(None)
    yield
    made = sg.set_default_runtime(before)
    if made is not None:
        made.close()


def environment_variables() -> list[str]:
    return [value for name, value in vars(environment).items() if name.isupper() and name != "DEFAULT_MACHINE"]


@pytest.mark.parametrize("name", DOCS)
def test_programs_run_from_top_to_bottom_and_print_what_is_shown(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    names: dict[str, object] = {}
    printed = ""
    for kind, code in blocks(DOCS[name]):
        if kind == "python":
            assert printed == "", "what a program prints is shown below it"
            with contextlib.redirect_stdout(io.StringIO()) as stdout:
                exec(compile(code, f"{name}.md", "exec"), names)
            printed = stdout.getvalue()
        if kind == "text":
            assert printed == code
            printed = ""

    assert printed == ""


@pytest.mark.parametrize(("name", "code"), examples("yaml"))
def test_scenarios_run_and_both_engines_agree(name, code):
    scenario = scenario_from_text(code if re.search("^(model|graph):", code, re.MULTILINE) else code + WORK, name)

    assert run(scenario).is_success


COMMANDS = [line for _, code in examples("sh") for line in code.splitlines()]


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_end_with_the_status_that_is_shown(line, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    command, _, status = line.partition("# exit status ")
    words = shlex.split(command, comments=True)
    while "=" in words[0]:
        monkeypatch.setenv(*words.pop(0).split("=", 1))

    assert words[0] == "simgpu"
    assert cli.main(words[1:]) == int(status or "0"), capsys.readouterr().err


def test_every_key_of_a_scenario_is_documented():
    sections = (ScenarioSection, ModelSection, GraphSection, OperationSection, PlacementSection, SimulationSection)
    keys = {key for section in (*sections, ExecutionSection, RuleSection) for key in section.model_fields}

    assert sorted(keys - code_names(DOCS["scenarios"]) - {"operations", "device", "match"}) == []


def test_every_key_of_a_machine_is_documented():
    keys = {*_KEYS, *_HOST_KEYS, *_LINK_KEYS, *LINK_FIGURES, "link", "across_hosts"}
    for kinds in (HOST_KINDS, GPU_KINDS, NETWORK_KINDS):
        keys |= {*kinds, *(key for kind in kinds.values() for key in kind.keys)}

    assert sorted(keys - code_names(DOCS["machines"])) == []


def test_every_key_of_the_json_is_documented():
    keys = keys_of([result_json(small_run(), decisions=True, metrics=True), result_json(starved_run())])

    assert sorted(keys - code_names(DOCS["scenarios"])) == []


def test_every_exit_status_is_documented():
    documented = re.findall(r"^\| ([0-9]+) \|", DOCS["scenarios"].partition("## Exit statuses")[2], re.MULTILINE)

    assert list(map(int, documented)) == sorted(
        [0, 1, entry.BAD_INPUT, entry.OUT_OF_MEMORY, entry.INTERRUPTED, entry.BROKEN_PIPE]
    )


def test_every_kernel_set_is_documented():
    assert sorted(KERNEL_SETS.keys() - code_names(DOCS["graphs"])) == []


def test_every_environment_variable_is_documented():
    assert [name for name in environment_variables() if name not in PAGES["devices"]] == []


def test_every_function_of_the_configuration_is_documented():
    records = {"LogicalDevice", "LogicalDeviceConfiguration", "PhysicalDevice"}
    spelled = [*config.__all__, *dir(config.threading)]
    functions = {name for name in spelled if not name.startswith("_")} - records - {"chosen"}
    named = PAGES["devices"].replace("`get_…`", "get_inter_op_parallelism_threads get_intra_op_parallelism_threads")

    assert sorted(name for name in functions if name not in named) == []


def test_every_argument_of_a_runtime_is_documented_with_its_default():
    rows = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", PAGES["devices"], re.MULTILINE))
    parameters = inspect.signature(sg.Runtime).parameters.values()

    assert rows == {parameter.name: str(parameter.default) for parameter in parameters}


def test_smi_shows_what_the_program_holds(tmp_path, capsys):
    named = dict(NAMED.findall(PAGES["devices"]))
    program = tmp_path / "train.py"
    program.write_text(named["train.py"])
    command = [sys.executable, str(program)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as ran:
        assert ran.stdout.read(5) == "press"
        assert cli.main(["smi"]) == 0
        shown = capsys.readouterr().out
        assert cli.main(["smi", "--json"]) == 0
        ran.communicate("\n")

    assert ran.returncode == 0
    keys = keys_of(json.loads(capsys.readouterr().out))
    assert without_the_process(shown) == without_the_process(named["smi"])
    assert sorted(keys - code_names(PAGES["devices"])) == []


def without_the_process(table: str) -> str:
    """Leave out the number of the process, and the width of its column."""
    return re.sub(r" +|-{2,}", " ", re.sub(r"\| +[0-9]+ \|", "| |", table))
