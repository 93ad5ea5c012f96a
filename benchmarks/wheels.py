"""Fill a folder with wheels for a machine that reaches no package index: `make wheels`.

It holds what `make gpu` needs there (`benchmarks.needs`), as `pyproject.toml` requires it and in the versions of
`constraints.txt`, with all that these packages need, and pip. CuPy, cuda-core and libraries of CUDA, of about 1.5 GB,
come along only with `--cuda`. `make gpu WHEELS=DIR` on the other machine takes of the folder what is missing there.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.needs import ROOT, plain_name, requirements

ON_CUDA = ("cupy", "cuda.core")
"""Modules that come along only with CUDA."""
OLD_TAGS = ("manylinux2014", "manylinux2010", "manylinux1")
OLDEST_GLIBC = 5
"""Of the tags `manylinux_2_5` and newer."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill a folder, and return pip's exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.wheels", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--python-version", default="3.12", help="of the other machine (default: %(default)s)")
    parser.add_argument("--machine", default="x86_64", help="its processor (default: %(default)s)")
    parser.add_argument("--glibc", default="2.28", help="its C library is of this version or newer (%(default)s)")
    parser.add_argument("--cuda", action="store_true", help="CuPy and CUDA's libraries, too")
    parser.add_argument("--without", nargs="+", default=(), metavar="NAME", help="packages that are there already")
    choice = parser.parse_args(arguments)
    choice.folder.mkdir(parents=True, exist_ok=True)
    options = platform_options(choice.python_version, choice.machine, choice.glibc)
    command = [sys.executable, "-m", "pip", "download", "-q", "--dest", str(choice.folder), *options]
    command += ["--constraint", str(ROOT / "constraints.txt"), *wanted(with_cuda=choice.cuda)]
    status = subprocess.run(command, check=False).returncode
    for file in left_out(choice.folder, choice.without):
        file.unlink()
    files = [*choice.folder.glob("*.whl")]
    size = sum(file.stat().st_size for file in files) / 1e6
    print(f"wheels: {len(files)} in {choice.folder}, {size:.1f} MB, for Python {choice.python_version}")
    return status


def wanted(*, with_cuda: bool) -> list[str]:
    """Return what is asked of the index: what modules require, and pip."""
    return [it for module, it in requirements().items() if with_cuda or module not in ON_CUDA] + ["pip"]


def platform_options(python_version: str, machine: str, glibc: str) -> Iterator[str]:
    """Return options of pip that say what machine the wheels are for. Each older tag is named: pip takes no newest."""
    yield from ("--only-binary", ":all:", "--implementation", "cp", "--python-version", python_version)
    major, minor = python_version.split(".")[:2]
    for abi in (f"cp{major}{minor}", "abi3", "none"):
        yield from ("--abi", abi)
    newest = int(glibc.split(".")[1])
    for tag in [*(f"manylinux_2_{number}" for number in range(newest, OLDEST_GLIBC - 1, -1)), *OLD_TAGS]:
        yield from ("--platform", f"{tag}_{machine}")


def left_out(folder: Path, names: Iterable[str]) -> Iterator[Path]:
    """Return the wheels in a folder of packages with these names."""
    without = {plain_name(name) for name in names}
    for file in folder.glob("*.whl"):
        if plain_name(file.name.split("-")[0]) in without:
            yield file


if __name__ == "__main__":
    sys.exit(main())
