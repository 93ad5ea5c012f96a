"""The same program gives the same bytes: in every process, and under every hash seed."""

import json
import os
import subprocess
import sys
from pathlib import Path

from simgpu.graph import GraphBuilder, TensorSpec
from simgpu.machine import Machine
from simgpu.placement import place
from simgpu.simulation import simulate

PROGRAM = (
    "import json, sys; from tests.replay.test_replay import all_recorded; sys.stdout.write(json.dumps(all_recorded()))"
)
ROOT = Path(__file__).resolve().parents[2]
LINKS, COMPUTE = ("fair", "fifo"), ("shared", "exclusive")


def layers(width=6, depth=12):
    """Return a graph in layers in which every operation reads two of the layer before, on another device each time."""
    builder, before = GraphBuilder(), []
    for layer in range(depth):
        made = []
        for column in range(width):
            number = layer * width + column
            inputs = [before[column], before[(column * 5 + layer) % width]] if before else []
            made += builder.add(
                "Work" if before else "Input",
                inputs,
                name=f"op{number}",
                outputs=[TensorSpec((1 + number * 37 % 900,), "float32")],
                attributes={"duration_ps": number * 7919 % 5_000_000},
                device=f"/gpu:{number * 3 % 4}" if number % 5 else "/cpu:0",
            )
        before = made
    builder.fetch(*before)
    return builder.build()


def recorded(links, compute):
    """Simulate; return all that a trace holds as text."""
    machine = Machine({"gpus": "2 x 1MiB", "split": {"GPU:0": 2, "GPU:1": 2}, "compute": compute})
    trace = simulate(place(layers(), machine), links=links)
    return json.dumps(
        {
            "decisions": list(trace.decisions),
            "spans": list(trace.spans),
            "memory": [list(events) for events in trace.memory],
            "actions": list(trace.actions),
            "hashes": [trace.ledger_hash(device) for device in range(len(trace.devices))],
        },
        indent=0,
    )


def all_recorded():
    return {f"{links} {compute}": recorded(links, compute) for links in LINKS for compute in COMPUTE}


def test_a_simulation_is_the_same_in_every_process_and_under_every_hash_seed():
    here = all_recorded()
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

    assert elsewhere == [json.dumps(here)] * 3
    assert len(json.loads(here["fair shared"])["spans"]) > 150


def test_other_links_and_other_slices_give_other_traces():
    assert len(set(all_recorded().values())) == 4
