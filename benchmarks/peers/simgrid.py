"""SimGrid (https://simgrid.org): our program for it, compiled on the spot where g++ and SimGrid are installed.

On Debian: `apt-get install g++ libboost-dev libsimgrid-dev`.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "simgrid" / "workload.cpp"
OPTIONS = (
    "--cfg=network/model:CM02",  # plain max-min sharing, with no model of TCP:
    "--cfg=network/crosstraffic:0",
    "--cfg=network/TCP-gamma:0",
    "--cfg=network/weight-S:0",
    "--cfg=network/latency-factor:1",
    "--cfg=network/bandwidth-factor:1",
    "--cfg=surf/precision:1e-12",
    "--log=root.thresh:warning",
)
"""What makes SimGrid's `fair` sharing ours."""


def is_installed() -> bool:
    """Tell whether programs for SimGrid can be compiled here."""
    if shutil.which("g++") is None:
        return False
    probe = "#include <simgrid/version.h>\n"
    command = ["g++", "-std=c++17", "-E", "-x", "c++", "-", "-o", "/dev/null"]
    return subprocess.run(command, input=probe, capture_output=True, text=True).returncode == 0


def build(directory: Path) -> tuple[str, ...]:
    """Compile our program into a directory; return how to call it, but for the file of work."""
    program = directory / "simgrid-workload"
    subprocess.run(["g++", "-std=c++17", "-O2", "-o", program, SOURCE, "-lsimgrid"], check=True)
    return (str(program), *OPTIONS)
