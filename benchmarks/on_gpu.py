"""All that is to be done on a machine with a GPU, in one command, without network: `make gpu`.

Kernels are compiled; then come the tests marked `gpu`, what simgpu costs over plain CuPy, a calibration, and its
validation. Results are kept under `benchmarks/results/<device>/`, under names that begin with date and time, as they
come. Each step runs in a process of its own, with a time limit, and goes on where another failed; the exit status is
the worst of all. On a GPU, predictions and overheads beyond the limits fail their step. Without a GPU the same steps
are rehearsed on the CPU, small, and kept only with `--results`; where there is a card that CuPy cannot use, only if
`--rehearse` asks for it.

It needs no installation: `python3 -m benchmarks.on_gpu` takes the packages that this Python has, `--wheels DIR` adds
those that it lacks from a folder, and what is missing is said.
"""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import entry_points
from itertools import chain, count
from pathlib import Path

from benchmarks.carried import carried
from benchmarks.needs import ROOT, missing, seen_card
from benchmarks.steps import Budget, Done, Step, run_all

RESULTS = ROOT / "benchmarks" / "results"
MOST_ERRORS = ("--most-mean-error", "5", "--most-error", "15")
MOST_OVERHEADS = ("--most-slowdown", "5", "--most-overhead", "10")
REHEARSAL = "rehearsal"
"""The folder for results of a rehearsal, where they are kept."""
NO_TESTS_COLLECTED = 5
UNUSABLE = 1
"""The exit status where there is a card that CuPy cannot use."""
_FIND_DEVICE = "import cupy; print(cupy.cuda.runtime.getDeviceProperties(0)['name'].decode())"
_PLUGIN = "simgpu.testing.plugin"
_PYTEST = (
    *("-q", "-rfEs", "--tb=short", "--durations=15", "-p", "no:cacheprovider"),
    "--continue-on-collection-errors",  # one file that lacks a module does not stop the others
    *("-o", "faulthandler_timeout=60"),  # says where a test hangs
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the steps, and return the worst exit status."""
    choice = _parser().parse_args(arguments)
    budget = Budget(choice.budget)
    with ExitStack() as stack:
        if choice.wheels:
            plan = stack.enter_context(carried(choice.wheels))
            for line in (*plan.told, *plan.lacking):
                print(f"gpu: {line}")
        for line in missing():
            print(f"gpu: {line}")
        return _chosen(choice, budget)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.on_gpu", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small budgets; without a GPU they are always small")
    parser.add_argument("--results", type=Path, help="keep results in a folder of this one")
    parser.add_argument(
        "--only", nargs="+", default=(), metavar="STEP", help="kernels, tests, overhead, calibrate, validate"
    )
    parser.add_argument("--select", default="", metavar="EXPR", help="of the tests, only those that match, as with -k")
    parser.add_argument("--budget", type=float, metavar="SECONDS", help="what all steps may take together")
    parser.add_argument("--wheels", type=Path, metavar="DIR", help="take missing packages from the wheels in a folder")
    parser.add_argument("--rehearse", action="store_true", help="rehearse where there is a card that cannot be used")
    return parser


def _chosen(choice: argparse.Namespace, budget: Budget) -> int:
    """Run the steps on the card, or rehearse them; or say why neither."""
    device, reason = found_device()
    if device is not None:
        print(f"gpu: on {device}")
        return _kept((choice.results or RESULTS) / slug(device), choice, budget, on_gpu=True)
    card = seen_card()
    if card is not None and not choice.rehearse:
        print(f"gpu: there is a card ({card}), and CuPy cannot use it: {reason}")
        print("gpu: nothing was run; --rehearse runs the steps on the CPU all the same")
        return UNUSABLE
    print("gpu: there is NO GPU here that CuPy can use: this is a rehearsal of the same steps on the CPU, with small")
    print(f"gpu: budgets; its results say nothing of a GPU{'' if choice.results else ', and are not kept'}")
    if choice.results:
        return _kept(choice.results / REHEARSAL, choice, budget, on_gpu=False)
    with tempfile.TemporaryDirectory(prefix="simgpu-rehearsal-") as folder:
        status = _run(Path(folder), choice, budget, on_gpu=False)
    print(f"gpu: {folder}, to which the rehearsal wrote, is gone; --results DIR keeps it")
    return status


def found_device() -> tuple[str | None, str]:
    """Return the name of the first card that CuPy can use; or None, and why not.

    A process of its own asks, as it takes memory of the card.
    """
    asked = subprocess.run([sys.executable, "-c", _FIND_DEVICE], capture_output=True, text=True, check=False)
    if asked.returncode == 0:
        return asked.stdout.strip(), ""
    said = asked.stderr.strip().splitlines()
    return None, said[-1] if said else f"exit status {asked.returncode}"


def slug(device: str) -> str:
    """Return the name of a card as the name of a folder: `nvidia-h100-80gb-hbm3`."""
    return re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-")


def steps(folder: Path, stamp: str, *, on_gpu: bool, quick: bool, select: str = "") -> tuple[Step, ...]:
    """Return all steps; what they keep is in a folder, under names that begin with the stamp of the run.

    Kernels come first, which all others need; then what tells most about the code; a prediction comes last, as it needs
    a calibration.
    """
    python, small = (sys.executable, "-m"), ("--quick",) if quick else ()
    calibration, validation = str(folder / f"{stamp}-calibration.json"), str(folder / f"{stamp}-validation")
    overhead = str(folder / f"{stamp}-overhead.json")
    plugin = () if entry_points(group="pytest11", name="simgpu") else ("-p", _PLUGIN)
    tests = (*python, "pytest", "-m", "gpu", *_PYTEST, *plugin, *(("-k", select) if select else ()), "tests/gpu")
    device, storage = ("gpu", "cupy") if on_gpu else ("cpu", "numpy")
    errors, overheads = (MOST_ERRORS, MOST_OVERHEADS) if on_gpu else ((), ())
    return (
        Step("kernels", (*python, "benchmarks.kernels", "--storage", storage), 90),
        Step("tests", tests, 300, also_good=NO_TESTS_COLLECTED),
        Step("overhead", (*python, "benchmarks.gpu", overhead, "--storage", storage, *overheads, *small), 150),
        Step("calibrate", (*python, "simgpu", "calibrate", "-o", calibration, "--device", device, *small), 240),
        Step("validate", (*python, "simgpu", "validate", calibration, "-o", validation, *errors, *small), 300),
    )


def _kept(folder: Path, choice: argparse.Namespace, budget: Budget, *, on_gpu: bool) -> int:
    """Run the steps, and tell where what they have kept is."""
    status = _run(folder, choice, budget, on_gpu=on_gpu)
    print(f"gpu: results are in {folder}")
    return status


def _run(folder: Path, choice: argparse.Namespace, budget: Budget, *, on_gpu: bool) -> int:
    """Run the steps chosen; the summary is written anew after each."""
    folder.mkdir(parents=True, exist_ok=True)
    stamp = _unused_stamp(folder)
    made = steps(folder, stamp, on_gpu=on_gpu, quick=choice.quick or not on_gpu, select=choice.select)
    wanted = [step for step in made if not choice.only or step.name in choice.only]
    ended: list[Done] = []
    for done in run_all(wanted, folder, stamp, budget):
        ended.append(done)
        _flatten(folder, stamp)
        table = "\n".join(it.row() for it in ended)
        (folder / f"{stamp}-summary.txt").write_text(f"{table}\n", encoding="utf-8")
    print("", *(it.row() for it in ended), sep="\n")
    return max((done.status for done in ended), default=0)


def _unused_stamp(folder: Path) -> str:
    """Return date and time, with a number behind them if a run of the same second has kept something."""
    now = f"{datetime.now(UTC):%Y-%m-%d-%H%M%S}"
    stamps = chain([now], (f"{now}-{number}" for number in count(2)))
    return next(stamp for stamp in stamps if not any(folder.glob(f"{stamp}-*")))


def _flatten(folder: Path, stamp: str) -> None:
    """Put the files of a validation beside the others, with the stamp of the run in front."""
    made = folder / f"{stamp}-validation"
    if not made.is_dir():
        return
    for file in made.iterdir():
        file.replace(folder / f"{stamp}-{file.name}")
    made.rmdir()


def _end_in_order(number: int, frame: object) -> None:
    """Have a signal end the work as an exception does, so that no step goes on alone."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end_in_order)
    sys.exit(main())
