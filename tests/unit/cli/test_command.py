"""The command as a process of its own: exit status and streams as a shell sees them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.small import SMALL

ROOT = Path(__file__).resolve().parents[3]
posix = pytest.mark.skipif(os.name != "posix", reason="pipes that break and streams that close are a matter of POSIX")


def simgpu(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "simgpu", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, **options)  # type: ignore[call-overload]


def test_running_out_of_memory_on_purpose_ends_with_status_3_and_the_figures():
    done = simgpu("run", "scenarios/vgg19-out-of-memory.yaml", "--engine", "simulate")

    assert done.returncode == 3
    assert done.stderr.startswith(
        "simgpu: error: /job:localhost/replica:0/task:0/device:GPU:0: out of memory: n1 asked for 24.5 MiB"
    )
    assert done.stderr.count("\n") == 1


def test_a_bad_scenario_ends_with_status_2_and_one_line(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text("machine: 1 x 4GiB\nmodel: {onnx: resnet50, bach: 8}\n")
    done = simgpu("run", str(path))

    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr
        == f"simgpu: error: {path}:2:25: model.bach: unknown key 'bach'; did you mean 'batch' or 'microbatches'?\n"
    )


def test_a_warning_is_one_line_without_the_code_that_it_comes_from(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text(SMALL + "simulation: {perturbations: [{fails: 'GPU:1', at: 2 h}]}\n")
    done = simgpu("run", str(path), "--engine", "simulate")

    assert done.returncode == 0
    assert done.stderr == "simgpu: warning: GPU:1 fails at 2 h, when its work is done; that has no effect\n"


def test_a_truncated_model_file_ends_with_status_2_and_one_line(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"\x08\x07\x12\x07pytorch\x3a\xff\xff\x03")
    done = simgpu("simulate", str(path), "--machine", "cpu")

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("simgpu: error: ")
    assert str(path) in done.stderr


@posix
@pytest.mark.parametrize("form", ["--placement", "--json"])
def test_a_reader_that_goes_away_is_no_error(form):
    with subprocess.Popen(
        [sys.executable, "-m", "simgpu", "place", "densenet121", "--machine", "cpu", "--placement", form],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()

        assert process.stderr.read() == ""
    assert process.returncode == 141


@posix
@pytest.mark.parametrize(
    ("arguments", "closed", "status"),
    [
        ("machines t4", ">&-", 141),
        ("machines none", ">&-", 2),
        ("machines t4", "2>&-", 0),
        ("machines none", "2>&-", 2),
        ("frob", "2>&-", 2),
        ("machines none", ">&- 2>&-", 2),
        ("run scenarios/vgg19-out-of-memory.yaml --engine simulate", "2>&-", 3),
    ],
)
def test_a_closed_stream_is_no_error_and_no_error_goes_to_the_other(arguments, closed, status):
    command = f'"{sys.executable}" -m simgpu {arguments} {closed}'
    done = subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == status
    assert "error" not in done.stdout
    assert "Traceback" not in done.stderr
    assert done.stderr.count("simgpu: error: ") == (closed == ">&-" and status == 2)


@posix
def test_an_interrupt_is_one_line_and_status_130(tmp_path):
    pipe = tmp_path / "s.yaml"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "simgpu", "run", str(pipe)]
    with (
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process,
        open(pipe, "w"),  # goes on when the command has opened its file, and waits for what is in it
    ):
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)

    assert (process.returncode, out, err) == (130, "", "simgpu: error: interrupted\n")


def test_names_that_a_terminal_cannot_show_are_escaped(tmp_path):
    (tmp_path / "s.yaml").write_text(
        "name: größer\nmachine: cpu\nmodel: {onnx: squeezenet, weights: random}\n", "utf-8"
    )
    done = simgpu(
        "run", str(tmp_path / "s.yaml"), "--engine", "simulate", env={**os.environ, "PYTHONIOENCODING": "ascii"}
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("gr\\xf6\\xdfer (seed 0)\n")
