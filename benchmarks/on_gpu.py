"""All that is to be done on a machine with a GPU, in one command, without network: `make gpu`.

The tests marked `gpu`, a calibration, its validation, and what simgpu costs over plain CuPy. Results are kept under
`benchmarks/results/<device>/`. Each step runs in a process of its own and goes on where another failed; the exit status
is the worst of all. Without a GPU the same steps are rehearsed on the CPU, small, and nothing is kept.

It needs no installation: `python3 -m benchmarks.on_gpu` takes the packages that this Python has, and says what lacks.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from time import monotonic

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
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

NO_TESTS_COLLECTED = 5
_FIND_DEVICE = "import cupy; print(cupy.cuda.runtime.getDeviceProperties(0)['name'].decode())"
_PLUGIN = "simgpu.testing.plugin"
_GO_ON = ("--continue-on-collection-errors", "-p", "no:cacheprovider")
"""One file of tests that lacks a module does not stop the others."""


@dataclass(frozen=True, slots=True)
class Step:
    """One part of the work: what it runs, and a status of it that is as good as 0."""

    name: str
    command: tuple[str, ...]
    also_good: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """A step that has ended."""

    step: Step
    status: int
    seconds: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the steps, and return the worst exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.on_gpu", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small budgets; without a GPU they are always small")
    parser.add_argument("--results", type=Path, default=RESULTS, help="keep results in a folder of this one")
    parser.add_argument("--only", nargs="+", default=(), metavar="STEP", help="tests, calibrate, validate, overhead")
    choice = parser.parse_args(arguments)
    for line in missing():
        print(f"gpu: {line}")
    device = found_device()
    if device is not None:
        print(f"gpu: on {device}")
        return _run(choice.results / slug(device), choice.only, on_gpu=True, quick=choice.quick)
    print("gpu: there is NO GPU here that CuPy can use: this is a rehearsal of the same steps on the CPU, with small")
    print("gpu: budgets; its results say nothing of a GPU, and are not kept")
    with tempfile.TemporaryDirectory(prefix="simgpu-rehearsal-") as folder:
        return _run(Path(folder), choice.only, on_gpu=False, quick=True)


def missing() -> Iterator[str]:
    """Say which modules this Python has not got, and what cannot be done without them."""
    for module, purpose in NEEDED.items():
        if find_spec(module) is None:
            yield f"{sys.executable} has no module {module}, which is needed for {purpose}"


def found_device() -> str | None:
    """Return the name of the first card that CuPy can use. A process of its own asks: it takes memory of the card."""
    asked = subprocess.run([sys.executable, "-c", _FIND_DEVICE], capture_output=True, text=True, check=False)
    return asked.stdout.strip() if asked.returncode == 0 else None


def slug(device: str) -> str:
    """Return the name of a card as the name of a folder: `nvidia-h100-80gb-hbm3`."""
    return re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-")


def steps(folder: Path, *, on_gpu: bool, quick: bool) -> tuple[Step, ...]:
    """Return all steps; what they keep is in a folder, under names that begin with the date."""
    date = f"{datetime.now(UTC):%Y-%m-%d}"
    python, small = (sys.executable, "-m"), ("--quick",) if quick else ()
    calibration, validation = str(folder / f"{date}-calibration.json"), str(folder / f"{date}-validation")
    plugin = () if entry_points(group="pytest11", name="simgpu") else ("-p", _PLUGIN)
    tests = (*python, "pytest", "-q", "-rs", "-m", "gpu", *_GO_ON, *plugin, "tests/gpu")
    device, storage = ("gpu", "cupy") if on_gpu else ("cpu", "numpy")
    return (
        Step("tests", tests, also_good=NO_TESTS_COLLECTED),
        Step("calibrate", (*python, "simgpu", "calibrate", "-o", calibration, "--device", device, *small)),
        Step("validate", (*python, "simgpu", "validate", calibration, "-o", validation, *small)),
        Step(
            "overhead",
            (*python, "benchmarks.gpu", str(folder / f"{date}-overhead.json"), "--storage", storage, *small),
        ),
    )


def _run(folder: Path, only: Sequence[str], *, on_gpu: bool, quick: bool) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    ended = [_done(step, folder) for step in steps(folder, on_gpu=on_gpu, quick=quick) if not only or step.name in only]
    _flatten(folder)
    print()
    for done in ended:
        word = f"FAILED ({done.status})" if done.status else "passed"
        print(f"gpu: {done.step.name:<10} {word:<12} {done.seconds:7.1f} s")
    if on_gpu:
        print(f"gpu: results are in {folder}")
    return max((done.status for done in ended), default=0)


def _done(step: Step, folder: Path) -> Done:
    """Run a step; what it prints is shown as it comes, and kept."""
    print(f"\ngpu: {step.name}: {' '.join(step.command)}", flush=True)
    start = monotonic()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))}
    kept = folder / f"{datetime.now(UTC):%Y-%m-%d}-{step.name}.txt"
    with (
        kept.open("w", encoding="utf-8") as file,
        subprocess.Popen(
            step.command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            file.write(line)
    status = process.returncode if process.returncode >= 0 else 128 - process.returncode
    return Done(step, 0 if status == step.also_good else status, monotonic() - start)


def _flatten(folder: Path) -> None:
    """Put the files of a validation beside the others, with the date in front."""
    for made in sorted(folder.glob("*-validation")):
        date = made.name.removesuffix("-validation")
        for file in made.iterdir():
            if file.suffix in (".json", ".txt"):
                file.replace(folder / f"{date}-{file.name}")
        shutil.rmtree(made)


if __name__ == "__main__":
    sys.exit(main())
