"""What tasks do, what comes to an end for them, and kinds of stations, by number."""

from simgpu.simulation.workload import COMPUTE, DELAY, MOVE

IN_PLACE = 3
ACTIONS = (COMPUTE, MOVE, DELAY, IN_PLACE)

LAUNCHING, LATE, PLAIN, HOP, FLOW, PRIVATE, SOLVE = range(7)
"""A launch, a latency, something of known duration, a transfer's time on one channel, a flow, a move on a private link.

`SOLVE` is the instant at whose end such a link is to be solved.
"""

GATE, LAUNCHER, QUEUE, POOL, CHANNEL = KINDS = range(5)
"""Kinds of stations, in the order in which they are dispatched."""
