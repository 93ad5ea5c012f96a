"""The command as a process of its own: exit status and streams as a shell sees them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def simgpu(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "simgpu", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, **options)  # type: ignore[call-overload]


def test_running_out_of_memory_on_purpose_ends_with_status_3_and_the_figures():
    done = simgpu("run", "scenarios/vgg19-out-of-memory.yaml", "--engine", "simulate")

    assert done.returncode == 3
    assert done.stderr == (
        "simgpu: error: /job:localhost/replica:0/task:0/device:GPU:0: out of memory: n1 asked for 24.5 MiB; 586289 "
        "KiB of 576 MiB are used and the largest hole is 2359 KiB; largest live tensors: fc6_w_0 392 MiB, "
        "fc7_w_0 64 MiB, n0 "
        "24.5 MiB, fc8_w_0 15.6 MiB, conv4_2_w_0 9 MiB; free memory, place less on "
        "/job:localhost/replica:0/task:0/device:GPU:0, or raise its limit\n"
    )


def test_a_bad_scenario_ends_with_status_2_and_one_line(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text("machine: 1 x 4GiB\nmodel: {onnx: resnet50, bach: 8}\n")
    done = simgpu("run", str(path))

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"simgpu: error: {path}:2:25: model.bach: unknown key 'bach'; did you mean 'batch'?\n"


def test_a_truncated_model_file_ends_with_status_2_and_one_line(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"\x08\x07\x12\x07pytorch\x3a\xff\xff\x03")
    done = simgpu("simulate", str(path), "--machine", "cpu")

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("simgpu: error: ")
    assert str(path) in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="pipes that break are a matter of POSIX")
def test_a_reader_that_goes_away_is_no_error():
    with subprocess.Popen(
        [sys.executable, "-m", "simgpu", "place", "densenet121", "--machine", "cpu", "--placement"],
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


def test_names_that_a_terminal_cannot_show_are_escaped(tmp_path):
    (tmp_path / "s.yaml").write_text(
        "name: größer\nmachine: cpu\nmodel: {onnx: squeezenet, weights: random}\n", "utf-8"
    )
    done = simgpu(
        "run", str(tmp_path / "s.yaml"), "--engine", "simulate", env={**os.environ, "PYTHONIOENCODING": "ascii"}
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("gr\\xf6\\xdfer (seed 0)\n")
