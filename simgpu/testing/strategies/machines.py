"""Machines: one or several hosts with a few cards each, whole or cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import hypothesis.strategies as st

from simgpu.machine import Machine

SMALL_CARDS = ("4 KiB", "32 KiB", "1 MiB")
"""Cards that small programs can fill."""


@st.composite
def machines(
    draw: st.DrawFn,
    *,
    min_gpus: int = 0,
    max_gpus: int = 3,
    max_hosts: int = 2,
    cards: Sequence[str] = SMALL_CARDS,
    can_split: bool = True,
) -> Machine:
    """Machines of hosts with `min_gpus` to `max_gpus` cards of one kind each, most of one host.

    `cards` are sizes or names of the catalog. With `can_split`, GPU:0 of a machine of one host may be cut into up to
    three logical GPUs, which share their compute units or not.
    """
    card, count = draw(st.sampled_from(cards)), draw(st.integers(min_gpus, max_gpus))
    gpus = {"gpus": f"{count} x {card}" if count else "cpu"}
    compute = draw(st.sampled_from(("shared", "exclusive")))
    if max_hosts > 1 and draw(st.integers(0, 3)) == 0:
        hosts = draw(st.integers(2, max_hosts))
        return Machine({"hosts": [{"job": "localhost", **gpus} for _ in range(hosts)], "compute": compute})
    split: Mapping[str, Any] = {}
    if can_split and count and draw(st.booleans()):
        split = {"split": {"GPU:0": draw(st.integers(1, 3))}}
    return Machine({**gpus, **split, "compute": compute})
