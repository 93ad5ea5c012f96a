"""A seed gives the same routes in every process, under every hash seed and on every computer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from simgpu.machine import Machine

PROGRAM = "import json, sys; from tests.replay.test_routes import cores; sys.stdout.write(json.dumps(cores()))"
ROOT = Path(__file__).resolve().parents[2]


def cores(seed: int | None = 7) -> str:
    """Return the core that each host of a fat-tree is reached over from the first."""
    cluster = {"hosts": [{"count": 16}], "topology": {"kind": "fat-tree", "k": 4}}
    machine = Machine(cluster if seed is None else cluster | {"ecmp_seed": seed})
    ways = [machine.route(0, target).channels for target in range(4, 16)]
    return "".join(machine.channels[way[2]].name.split("core:")[1][0] for way in ways)


def test_routes_are_the_same_in_every_process_and_under_every_hash_seed():
    elsewhere = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "77")
    ]

    assert elsewhere == [json.dumps(cores())] * 3


def test_routes_are_the_same_on_every_computer():
    assert [cores(None), cores(0), cores(7)] == ["000000000000", "213003303223", "321222302302"]
