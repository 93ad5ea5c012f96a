"""What the work on a machine with a GPU needs there: modules, CUDA's libraries, programs; and what for."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NEEDED: Mapping[str, str] = {
    "numpy": "everything",
    "simpy": "everything",
    "pydantic": "everything",
    "yaml": "everything",
    "typer": "the commands",
    "rich": "the commands",
    "onnx": "the models of the validation",
    "cupy": "a GPU",
    "hypothesis": "the tests",
    "onnxruntime": "some of the tests",
    "pytest": "the tests",
}
"""Modules, and what they are needed for."""
OPTIONAL: Mapping[str, str] = {
    "plotly": "the plot of the validation",
    "cuda.core": "multiprocessors of one's own",
    "cuda.bindings": "multiprocessors of one's own, as cuda-core stands on it",
}
DISTRIBUTIONS: Mapping[str, str] = {
    "yaml": "PyYAML",
    "cupy": "cupy-cuda13x",
    "cuda.core": "cuda-core",
    "cuda.bindings": "cuda-bindings",
}
"""What packages are called that have not the name of their module."""
LIBRARIES: Mapping[str, tuple[str, str]] = {
    "nvrtc": ("from cupy_backends.cuda.libs import nvrtc; nvrtc.getVersion()", "all kernels"),
    "cublas": ("from cupy_backends.cuda.libs import cublas", "products of matrices"),
    "cufft": ("import cupy; cupy.cuda.cufft", "Fourier transforms"),
    "cusolver": ("from cupy_backends.cuda.libs import cusolver", "linear algebra"),
}
"""CUDA libraries: what fails where CuPy cannot load one, and what it is needed for.

CuPy looks for a library where it is asked for one as an attribute; the plain `import` of a part does not.
"""
TOP, CARD_NODES = Path("/"), ("dev/nvidia[0-9]*", "proc/driver/nvidia/gpus/*")
SANITIZER, TOOLKIT = "compute-sanitizer", "/usr/local/cuda/bin"


def missing() -> Iterator[str]:
    """Say what there is not, modules and libraries, and what cannot be done without it."""
    for module, purpose in NEEDED.items():
        if not has(module):
            yield f"{sys.executable} has no module {module}, which is needed for {purpose}"
    if has("cupy"):
        for library, (code, purpose) in LIBRARIES.items():
            if not _runs(code):
                yield f"CuPy cannot load the CUDA library {library}, which is needed for {purpose}"
    for module, purpose in OPTIONAL.items():
        if not has(module):
            yield f"{sys.executable} has no module {module}; it is optional, for {purpose}"
    if not (shutil.which(SANITIZER) or shutil.which(SANITIZER, path=TOOLKIT)):
        yield f"there is no {SANITIZER}; it is optional, for the tests that look for races"


def seen_card() -> str | None:
    """Return how this computer shows a card of NVIDIA's, whether CuPy can use it or not.

    None: it shows none, or `CUDA_VISIBLE_DEVICES` hides all of them.
    """
    if os.environ.get("CUDA_VISIBLE_DEVICES", "all") in ("", "-1"):
        return None
    nodes = sorted(str(node) for pattern in CARD_NODES for node in TOP.glob(pattern))
    return nodes[0] if nodes else _said_by("nvidia-smi", "-L")


def _said_by(*command: str) -> str | None:
    """Return the first line that a program prints; None where it cannot be run, fails or is silent."""
    if shutil.which(command[0]) is None:
        return None
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    return next(iter(ran.stdout.strip().splitlines()), None) if ran.returncode == 0 else None


def requirements() -> dict[str, str]:
    """Return what `pyproject.toml` requires of each module, where it says so: `{"simpy": "simpy>=4.1,<5", ...}`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"]]
    for extra in project["optional-dependencies"].values():
        asked += extra
    by_name: dict[str, str] = {}
    for requirement in asked:
        by_name.setdefault(plain_name(requirement), requirement)
    named = {module: plain_name(DISTRIBUTIONS.get(module, module)) for module in (*NEEDED, *OPTIONAL)}
    return {module: by_name[name] for module, name in named.items() if name in by_name}


def plain_name(requirement: str) -> str:
    """Return the name of the package that is required, as indexes compare names: `PyYAML>=6.0` gives `pyyaml`."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found, f"a requirement begins with a name: {requirement!r}"
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def has(module: str) -> bool:
    """Tell whether this Python finds a module. Nothing is imported but the packages that it is a part of."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of the package that it is a part of
        return False


def _runs(code: str) -> bool:
    """Tell whether Python runs some code. A process of its own loads the libraries."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
