"""A workload of the same seed gives the same bytes: on each engine, in every process, and under every hash seed."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np

from simgpu.simulation import run
from tests.engines import each_engine
from tests.unit.simulation.sketches import Sketch

PROGRAM = (
    "import json, sys; from tests.replay.test_workloads import all_hashes; "
    "sys.stdout.write(json.dumps(all_hashes(sys.argv[1])))"
)
ROOT = Path(__file__).resolve().parents[2]
TASKS = 150


def drawn(seed):
    """Return a workload with something of everything, in which much happens at one instant."""
    draw, sketch = np.random.default_rng(seed), Sketch()
    cards = [sketch.card() for _ in range(2)]
    launched = [sketch.queue(card=cards[number % 2], launcher=number % 3, launch_ps=3) for number in range(6)]
    queues = [*launched, sketch.queue(2, pool=sketch.pool(3)), sketch.queue(2)]
    channels = [
        sketch.channel(int(draw.integers(1, 9)) * 10**11, latency_ps=n % 3, is_fatpipe=n == 5) for n in range(6)
    ]
    routes = [sketch.route(*draw.permutation(channels)[: 1 + n % 3].tolist(), latency_ps=n % 4) for n in range(8)]
    gates = [sketch.gate(1 + number % 2) for number in range(4)]
    for _ in range(8):
        sketch.change(int(draw.integers(300)), int(draw.choice(channels + cards)), int(draw.integers(1, 9)) * 10**11)
    for number in range(TASKS):
        after = draw.integers(max(0, number - 40), number, 2).tolist() if number else []
        about = {"after": after, "release_ps": int(draw.integers(200)) if number % 5 == 0 else 0}
        amount, which = int(draw.integers(9)), draw.random()
        if which < 0.5:
            parts, rank = draw.integers(1, 3, 2).tolist()
            sketch.compute(int(draw.choice(queues)), amount, parts=parts, rank=rank, **about)
        elif which < 0.95:
            out_gate, in_gate = draw.permutation([-1, *gates])[:2].tolist()
            cap = 10**11 * (number % 3)
            about |= {"launcher": number % 4 - 1, "launch_ps": number % 3}
            sketch.move(int(draw.choice(routes)), amount, cap=cap, out_gate=out_gate, in_gate=in_gate, **about)
        else:
            sketch.delay(amount, **about)
    return sketch.workload()


def hashed(timeline):
    columns = [np.ascontiguousarray(getattr(timeline, it.name), np.int64).tobytes() for it in fields(timeline)]
    return hashlib.sha256(b"|".join(columns)).hexdigest()


def all_hashes(engine):
    return {
        f"{seed} {links} {launch}": hashed(run(drawn(seed), links=links, launch=launch, engine=engine))
        for seed in range(3)
        for links in ("fair", "fifo")
        for launch in ("sync", "async")
    }


@each_engine
def test_a_seed_gives_the_same_bytes_in_every_process_and_under_every_hash_seed(engine):
    here = all_hashes(engine)
    elsewhere = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM, engine],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "77")
    ]

    assert elsewhere == [json.dumps(here)] * 3
    assert all_hashes(engine) == here
    assert len(set(here.values())) == len(here) == 12
