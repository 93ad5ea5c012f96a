"""`simgpu calibrate`: measures, reports, and writes a file that can be read again."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from simgpu.calibration import Plan, read_calibration
from simgpu.calibration.case import case
from simgpu.cli import console
from simgpu.errors import MissingDependency
from simgpu.storage import STORAGES
from simgpu.units import MiB


@pytest.fixture
def few(monkeypatch):
    """Have calibrations measure little, however busy this computer is."""
    operations = (case("Relu", (5,)), case("Add", (2**10,), (2**10,)), case("MatMul", (8, 8), (8, 8)))
    plan = Plan(operations=operations, copy_sizes=(1, 4096), chains=(10, 20), region_bytes=64 * MiB)
    monkeypatch.setattr(import_module("simgpu.calibration.calibrate"), "default_plan", lambda **_: plan)


def test_a_calibration_is_reported_and_written(simgpu, tmp_path, few):
    path = tmp_path / "cpu.json"
    status, output, _ = simgpu("calibrate", "--device", "cpu", "-o", path)
    found = read_calibration(path)

    assert status == 0
    assert output.splitlines()[0].startswith(f"{found.device.name} (numpy storage; python ")
    assert output.splitlines()[-1] == f"Written to {path}."
    assert "| d2d " in output


def test_progress_of_each_stage_is_shown(simgpu, tmp_path, few, monkeypatch):
    monkeypatch.setattr(console, "_SECONDS_BETWEEN_LINES", 0.0)
    _, _, errors = simgpu("calibrate", "--device", "cpu", "-o", tmp_path / "cpu.json")
    shown = [re.fullmatch(r"simgpu: ([a-z ]+): (\d+) of (\d+) steps", line) for line in errors.splitlines()]

    told = dict.fromkeys(found[1] for found in shown if found)
    assert [stage for stage in told if stage in ("copies", "overheads", "operations")] == [
        "copies",
        "overheads",
        "operations",
    ]
    assert all(int(found[2]) <= int(found[3]) for found in shown if found)


def test_where_no_gpu_works_it_is_said_why_and_the_cpu_is_calibrated(simgpu, tmp_path, few, monkeypatch):
    def broken():
        raise MissingDependency("CuPy cannot be used: the driver is too old")

    monkeypatch.setitem(STORAGES, "cupy", broken)
    status, output, errors = simgpu("calibrate", "-o", tmp_path / "x.json")

    assert (status, "(numpy storage; python " in output) == (0, True)
    assert errors.splitlines()[0] == (
        "simgpu: the CPU is calibrated, since there is no GPU to use here: CuPy cannot be used: the driver is too old"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--device", "tpu"), "--device 'tpu' is not known; choose one of cpu, gpu"),
        (("--budget", "0"), "--budget 0.0 is no time; give seconds, more than 0"),
        (("--seed", "-1"), "--seed -1 is negative; a seed is 0 or more"),
        (("-o", "/no/such/place.json"), "'/no/such/place.json' cannot be written: No such file or directory; name"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_measured(simgpu, tmp_path, arguments, message):
    status, output, errors = simgpu("calibrate", "-o", tmp_path / "x.json", *arguments)

    assert (status, output) == (2, "")
    assert message in errors
    assert not (tmp_path / "x.json").exists()


def test_a_time_that_suffices_for_no_operation_is_refused(simgpu, tmp_path):
    status, output, errors = simgpu(
        "calibrate", "--device", "cpu", "--quick", "--budget", "0.001", "-o", tmp_path / "x.json"
    )

    assert (status, output) == (2, "")
    assert errors.endswith(
        "simgpu: error: the time sufficed for no operation, and nothing is written; give a larger --budget\n"
    )
    assert not (tmp_path / "x.json").exists()
