"""What a machine with a GPU needs, and how what lacks there is told."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pytest

from benchmarks import needs
from benchmarks.needs import NEEDED, has, missing, plain_name, requirements, seen_card


@pytest.fixture
def lacking(monkeypatch):
    """Say what is missing where there is all but some modules, CUDA libraries and programs."""

    def call(*, modules: Sequence[str] = (), libraries: Sequence[str] = (), programs: Sequence[str] = ()) -> list[str]:
        monkeypatch.setattr(needs, "find_spec", lambda module: None if module in modules else object())
        monkeypatch.setattr(needs, "_runs", lambda code: not any(library in code for library in libraries))
        monkeypatch.setattr(needs.shutil, "which", lambda name, path=None: None if name in programs else name)
        return [*missing()]

    return call


def test_missing_modules_are_named_with_their_purpose(lacking):
    assert lacking(modules=("cupy", "pytest"), libraries=("nvrtc",)) == [
        f"{sys.executable} has no module cupy, which is needed for a GPU",
        f"{sys.executable} has no module pytest, which is needed for the tests",
    ]


def test_libraries_of_cuda_that_cannot_be_loaded_are_named_with_their_purpose(lacking):
    assert lacking(libraries=("nvrtc", "cublas", "cufft", "cusolver")) == [
        "CuPy cannot load the CUDA library nvrtc, which is needed for all kernels",
        "CuPy cannot load the CUDA library cublas, which is needed for products of matrices",
        "CuPy cannot load the CUDA library cufft, which is needed for Fourier transforms",
        "CuPy cannot load the CUDA library cusolver, which is needed for linear algebra",
    ]


def test_what_is_optional_is_named_as_such(lacking):
    assert lacking(modules=("plotly", "cuda.core", "cuda.bindings"), programs=("compute-sanitizer",)) == [
        f"{sys.executable} has no module plotly; it is optional, for the plot of the validation",
        f"{sys.executable} has no module cuda.core; it is optional, for multiprocessors of one's own",
        f"{sys.executable} has no module cuda.bindings; it is optional, for multiprocessors of one's own, as cuda-core "
        "stands on it",
        "there is no compute-sanitizer; it is optional, for the tests that look for races",
    ]


def test_a_part_of_a_package_that_is_not_there_is_missing():
    assert not has("no_such_package.part")


def test_a_library_is_there_if_what_loads_it_runs():
    assert [needs._runs(code) for code in ("import json", "raise ImportError")] == [True, False]


def test_each_module_that_is_needed_is_required_by_the_project():
    found = requirements()

    assert NEEDED.keys() <= found.keys()
    assert (found["yaml"], found["simpy"]) == ("PyYAML>=6.0", "simpy>=4.1,<5")


def test_a_gpu_needs_cupy_with_the_libraries_of_cuda():
    assert requirements()["cupy"] == "cupy-cuda13x[ctk]"


@pytest.mark.parametrize(
    ("requirement", "name"),
    [("PyYAML>=6.0", "pyyaml"), ("cupy-cuda13x[ctk]", "cupy-cuda13x"), ("ruamel.yaml_clib ; x", "ruamel-yaml-clib")],
)
def test_packages_are_compared_by_their_plain_names(requirement, name):
    assert plain_name(requirement) == name


@pytest.mark.parametrize(
    ("visible", "nodes", "smi", "seen"),
    [
        (None, ("dev/nvidia0",), None, "dev/nvidia0"),
        ("0", (), "GPU 0: NVIDIA H100", "GPU 0: NVIDIA H100"),
        (None, (), None, None),
        ("", ("dev/nvidia0",), "GPU 0: NVIDIA H100", None),
        ("-1", ("dev/nvidia0",), "GPU 0: NVIDIA H100", None),
    ],
)
def test_a_card_is_seen_without_cupy_unless_it_is_hidden(monkeypatch, tmp_path, visible, nodes, smi, seen):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    for node in nodes:
        (tmp_path / node).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / node).touch()
    monkeypatch.setattr(needs, "TOP", tmp_path)
    monkeypatch.setattr(needs, "_said_by", lambda *command: smi)

    found = seen_card()
    assert found == (str(tmp_path / seen) if seen in nodes else seen)


def test_a_program_is_asked_for_its_first_line():
    said = [needs._said_by(sys.executable, "-c", code) for code in ("print('a\\nb')", "print()", "print(1); exit(3)")]

    assert said == ["a", None, None]
    assert needs._said_by("no-such-program") is None
