"""All that is to be done on a machine with a GPU, in one command, without network: `make gpu`.

The tests marked `gpu`, a calibration, its validation, and what simgpu costs over plain CuPy. Results are kept under
`benchmarks/results/<device>/`, under names that begin with date and time. Each step runs in a process of its own and
goes on where another failed; the exit status is the worst of all. On a GPU, predictions and overheads beyond the limits
fail their step. Without a GPU the same steps are rehearsed on the CPU, small, and kept only with `--results`.

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
from itertools import chain, count
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
OPTIONAL: Mapping[str, str] = {
    "plotly": "the plot of the validation",
    "cuda.core": "multiprocessors of one's own",
}
LIBRARIES: Mapping[str, tuple[str, str]] = {
    "nvrtc": ("from cupy_backends.cuda.libs import nvrtc; nvrtc.getVersion()", "all kernels"),
    "cublas": ("import cupy_backends.cuda.libs.cublas", "products of matrices"),
    "cufft": ("import cupy.cuda.cufft", "Fourier transforms"),
    "cusolver": ("import cupy_backends.cuda.libs.cusolver", "linear algebra"),
}
"""CUDA libraries: what fails where CuPy cannot load one, and what it is needed for."""
SANITIZER, TOOLKIT = "compute-sanitizer", "/usr/local/cuda/bin"

MOST_ERRORS = ("--most-mean-error", "5", "--most-error", "15")
MOST_OVERHEADS = ("--most-slowdown", "5", "--most-overhead", "10")
REHEARSAL = "rehearsal"
"""The folder for results of a rehearsal, where they are kept."""
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
    parser.add_argument("--results", type=Path, help="keep results in a folder of this one")
    parser.add_argument("--only", nargs="+", default=(), metavar="STEP", help="tests, calibrate, validate, overhead")
    choice = parser.parse_args(arguments)
    for line in missing():
        print(f"gpu: {line}")
    device = found_device()
    if device is not None:
        print(f"gpu: on {device}")
        return _kept((choice.results or RESULTS) / slug(device), choice.only, on_gpu=True, quick=choice.quick)
    print("gpu: there is NO GPU here that CuPy can use: this is a rehearsal of the same steps on the CPU, with small")
    print(f"gpu: budgets; its results say nothing of a GPU{'' if choice.results else ', and are not kept'}")
    if choice.results:
        return _kept(choice.results / REHEARSAL, choice.only, on_gpu=False, quick=True)
    with tempfile.TemporaryDirectory(prefix="simgpu-rehearsal-") as folder:
        return _run(Path(folder), choice.only, on_gpu=False, quick=True)


def missing() -> Iterator[str]:
    """Say what there is not, modules and libraries, and what cannot be done without it."""
    for module, purpose in NEEDED.items():
        if not _has(module):
            yield f"{sys.executable} has no module {module}, which is needed for {purpose}"
    if _has("cupy"):
        for library, (code, purpose) in LIBRARIES.items():
            if not _runs(code):
                yield f"CuPy cannot load the CUDA library {library}, which is needed for {purpose}"
    for module, purpose in OPTIONAL.items():
        if not _has(module):
            yield f"{sys.executable} has no module {module}; it is optional, for {purpose}"
    if not (shutil.which(SANITIZER) or shutil.which(SANITIZER, path=TOOLKIT)):
        yield f"there is no {SANITIZER}; it is optional, for the tests that look for races"


def _has(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of the package that it is a part of
        return False


def _runs(code: str) -> bool:
    """Tell whether Python runs some code. A process of its own loads the libraries."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def found_device() -> str | None:
    """Return the name of the first card that CuPy can use. A process of its own asks: it takes memory of the card."""
    asked = subprocess.run([sys.executable, "-c", _FIND_DEVICE], capture_output=True, text=True, check=False)
    return asked.stdout.strip() if asked.returncode == 0 else None


def slug(device: str) -> str:
    """Return the name of a card as the name of a folder: `nvidia-h100-80gb-hbm3`."""
    return re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-")


def steps(folder: Path, stamp: str, *, on_gpu: bool, quick: bool) -> tuple[Step, ...]:
    """Return all steps; what they keep is in a folder, under names that begin with the stamp of the run."""
    python, small = (sys.executable, "-m"), ("--quick",) if quick else ()
    calibration, validation = str(folder / f"{stamp}-calibration.json"), str(folder / f"{stamp}-validation")
    overhead = str(folder / f"{stamp}-overhead.json")
    plugin = () if entry_points(group="pytest11", name="simgpu") else ("-p", _PLUGIN)
    tests = (*python, "pytest", "-q", "-rs", "-m", "gpu", *_GO_ON, *plugin, "tests/gpu")
    device, storage = ("gpu", "cupy") if on_gpu else ("cpu", "numpy")
    errors, overheads = (MOST_ERRORS, MOST_OVERHEADS) if on_gpu else ((), ())
    return (
        Step("tests", tests, also_good=NO_TESTS_COLLECTED),
        Step("calibrate", (*python, "simgpu", "calibrate", "-o", calibration, "--device", device, *small)),
        Step("validate", (*python, "simgpu", "validate", calibration, "-o", validation, *errors, *small)),
        Step("overhead", (*python, "benchmarks.gpu", overhead, "--storage", storage, *overheads, *small)),
    )


def _kept(folder: Path, only: Sequence[str], *, on_gpu: bool, quick: bool) -> int:
    """Run the steps, and tell where what they have kept is."""
    status = _run(folder, only, on_gpu=on_gpu, quick=quick)
    print(f"gpu: results are in {folder}")
    return status


def _run(folder: Path, only: Sequence[str], *, on_gpu: bool, quick: bool) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    stamp = _unused_stamp(folder)
    made = steps(folder, stamp, on_gpu=on_gpu, quick=quick)
    ended = [_done(step, folder, stamp) for step in made if not only or step.name in only]
    _flatten(folder, stamp)
    table = "\n".join(map(_row, ended))
    (folder / f"{stamp}-summary.txt").write_text(f"{table}\n", encoding="utf-8")
    print(f"\n{table}")
    return max((done.status for done in ended), default=0)


def _unused_stamp(folder: Path) -> str:
    """Return date and time, with a number behind them if a run of the same second has kept something."""
    now = f"{datetime.now(UTC):%Y-%m-%d-%H%M%S}"
    stamps = chain([now], (f"{now}-{number}" for number in count(2)))
    return next(stamp for stamp in stamps if not any(folder.glob(f"{stamp}-*")))


def _row(done: Done) -> str:
    word = f"FAILED ({done.status})" if done.status else "passed"
    return f"gpu: {done.step.name:<10} {word:<12} {done.seconds:7.1f} s"


def _done(step: Step, folder: Path, stamp: str) -> Done:
    """Run a step; what it prints is shown as it comes, and kept."""
    print(f"\ngpu: {step.name}: {' '.join(step.command)}", flush=True)
    start = monotonic()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))}
    kept = folder / f"{stamp}-{step.name}.txt"
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


def _flatten(folder: Path, stamp: str) -> None:
    """Put the files of a validation beside the others, with the stamp of the run in front."""
    made = folder / f"{stamp}-validation"
    if not made.is_dir():
        return
    for file in made.iterdir():
        file.replace(folder / f"{stamp}-{file.name}")
    made.rmdir()


if __name__ == "__main__":
    sys.exit(main())
