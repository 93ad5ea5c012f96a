"""The rules of who imports whom, and what `import simgpu` costs."""

from __future__ import annotations

import json
import re
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Loaded when a command or a reader first needs them, never by `import simgpu`.
LAZY = ["cupy", "dask", "distributed", "numba", "onnx", "onnxruntime", "pydantic", "rich", "simpy", "typer", "yaml"]
IMPORT_CPU_LIMIT_S = 0.3

CHILD = """
import json, sys, time
before = time.process_time()
import simgpu
print(json.dumps({"cpu_s": time.process_time() - before, "modules": sorted(sys.modules)}))
"""


def lint_imports(directory: Path) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("importlinter", reason="import-linter is not installed: pip install -e .[dev]")
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", program, "--no-cache", "--no-logo"], cwd=directory, capture_output=True, text=True
    )


def import_simgpu() -> dict:
    child = subprocess.run([sys.executable, "-c", CHILD], cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(child.stdout)


@pytest.fixture
def copy_of_the_package(tmp_path):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "simgpu", tmp_path / "simgpu", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_every_module_imports_only_from_lower_layers():
    result = lint_imports(ROOT)

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("path", "line", "broken"),
    [
        ("errors.py", "import simgpu.units", "A module imports only from the layers below its own"),
        ("errors.py", "import simgpu", "Nothing inside imports the top package"),
        ("execution/__init__.py", "import simgpu.simulation", "Execution and simulation do not know each other"),
        ("kernels/__init__.py", "import simgpu.machine", "Kernels know nothing of machines"),
        ("storage/__init__.py", "import simgpu.placement", "Storage and placement do not know each other"),
        ("errors.py", "import simpy", "Each outside library is imported in one place"),
        ("placement/__init__.py", "import onnx.helper", "Each outside library is imported in one place"),
        ("machine/__init__.py", "import yaml", "Each outside library is imported in one place"),
        ("execution/__init__.py", "import cupy", "Each outside library is imported in one place"),
        ("session.py", "import rich.table", "Each outside library is imported in one place"),
        ("stray.py", "", "A module imports only from the layers below its own"),
    ],
)
def test_an_import_against_the_rules_is_found(copy_of_the_package, path, line, broken):
    with (copy_of_the_package / "simgpu" / path).open("a") as module:
        module.write(f"\n{line}\n")

    result = lint_imports(copy_of_the_package)

    assert result.returncode == 1
    assert re.search(rf"^{broken}.* BROKEN", result.stdout, re.MULTILINE)


def test_importing_simgpu_loads_nothing_that_can_wait():
    loaded = {module.partition(".")[0] for module in import_simgpu()["modules"]}

    assert sorted(loaded.intersection(LAZY)) == []


def test_importing_simgpu_costs_little_processor_time():
    seconds = statistics.median(import_simgpu()["cpu_s"] for _ in range(3))

    assert seconds < IMPORT_CPU_LIMIT_S
