"""What is fetched for a machine without network."""

from __future__ import annotations

import sys
from itertools import pairwise
from types import SimpleNamespace

import pytest

from benchmarks import wheels
from benchmarks.needs import ROOT


@pytest.fixture
def pip(monkeypatch, tmp_path):
    """Stand for pip: note how it is called, and fetch some files."""
    calls = []

    def run(command, check):
        calls.append(command)
        for name in ("numpy-2.4.6-cp312-cp312-linux.whl", "typing_extensions-4.0-py3-none-any.whl"):
            (tmp_path / "deep" / "wheels" / name).write_bytes(bytes(1_000_000))
        return SimpleNamespace(returncode=3)

    monkeypatch.setattr(wheels.subprocess, "run", run)
    return calls


def values(command: list[str], option: str) -> list[str]:
    return [value for name, value in pairwise(command) if name == option]


def test_pip_is_asked_for_what_the_project_requires_in_its_versions_and_for_pip_itself(pip, tmp_path, capsys):
    status = wheels.main([str(tmp_path / "deep" / "wheels"), "--python-version", "3.11", "--glibc", "2.17"])
    (command,) = pip

    assert status == 3, "that of pip"
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert values(command, "--constraint") == [str(ROOT / "constraints.txt")]
    assert (values(command, "--python-version"), values(command, "--abi")) == (["3.11"], ["cp311", "abi3", "none"])
    platforms = values(command, "--platform")
    assert (platforms[0], platforms[-1]) == ("manylinux_2_17_x86_64", "manylinux1_x86_64")
    assert {"manylinux_2_12_x86_64", "manylinux2014_x86_64"} < {*platforms}
    assert command[-1] == "pip"
    assert {"numpy>=2.0", "PyYAML>=6.0", "pytest>=8", "onnxruntime"} < {*command}
    assert not [it for it in command if "cupy" in it]
    assert capsys.readouterr().out == f"wheels: 2 in {tmp_path / 'deep' / 'wheels'}, 2.0 MB, for Python 3.11\n"


def test_cuda_comes_along_where_it_is_asked_for():
    assert {*wheels.wanted(with_cuda=True)} - {*wheels.wanted(with_cuda=False)} == {
        "cupy-cuda13x[ctk]",
        "cuda-core[cu13]>=1.0",
    }


def test_what_the_other_machine_has_already_is_left_out(pip, tmp_path):
    wheels.main([str(tmp_path / "deep" / "wheels"), "--without", "NumPy", "typing-extensions"])

    assert [*(tmp_path / "deep" / "wheels").iterdir()] == []
