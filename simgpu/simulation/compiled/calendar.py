"""What is due when: a heap of times, each with a bucket of nodes, which are due in no order.

Much happens at the same time, and there are far fewer times than nodes. A bucket is found through the times that were
asked for last; if one of its time is forgotten, there are two.
"""

from __future__ import annotations

from simgpu.simulation.compiled.arrays import buckets, heap, nodes, recent
from simgpu.simulation.compiled.covering import LIMIT_PS
from simgpu.simulation.compiled.jit import compiled
from simgpu.simulation.compiled.records import RECENT, Run
from simgpu.simulation.workload import NONE

_MIXER = 0x9E3779B97F4A7C1  # spreads times over what is remembered


@compiled
def schedule(run: Run, node: int, when_ps: int) -> None:
    """Have a node due at a time. One beyond the limit ends the run."""
    if when_ps > LIMIT_PS:
        run.is_beyond = 1
        return
    bucket = _bucket_of(run, when_ps)
    first = buckets(run)[bucket].first
    entry = nodes(run)[node]
    entry.bucket = bucket
    if first == NONE:
        buckets(run)[bucket].first = entry.next = entry.previous = node
    else:
        last = nodes(run)[first].previous
        entry.previous, entry.next = last, first
        nodes(run)[last].next = nodes(run)[first].previous = node


@compiled
def unschedule(run: Run, node: int) -> None:
    """Have a node no longer due."""
    entry = nodes(run)[node]
    bucket = entry.bucket
    entry.bucket = NONE
    if entry.next == node:
        remove(run, bucket)
        return
    nodes(run)[entry.previous].next = entry.next
    nodes(run)[entry.next].previous = entry.previous
    if buckets(run)[bucket].first == node:
        buckets(run)[bucket].first = entry.next


@compiled
def reschedule(run: Run, node: int, when_ps: int) -> None:
    """Have a node that is due at some time due at another. If it is alone in its bucket, the bucket goes with it."""
    bucket = nodes(run)[node].bucket
    if nodes(run)[node].next != node or when_ps > LIMIT_PS:
        unschedule(run, node)
        schedule(run, node, when_ps)
        return
    buckets(run)[bucket].ps = when_ps
    recent(run)[_spread(when_ps)] = bucket
    _sink(run, _rise(run, buckets(run)[bucket].position, when_ps, bucket), when_ps, bucket)


@compiled
def schedule_anew(run: Run, node: int, when_ps: int) -> None:
    """Have a node due at a time, and at no other, whether it was due before or not."""
    bucket = nodes(run)[node].bucket
    if bucket == NONE:
        schedule(run, node, when_ps)
    elif buckets(run)[bucket].ps != when_ps:
        reschedule(run, node, when_ps)


@compiled
def is_due(run: Run) -> bool:
    """Tell whether anything is due at this instant."""
    return bool(run.bucket_count > 0 and heap(run)[0].ps == run.now_ps)


@compiled
def _bucket_of(run: Run, when_ps: int) -> int:
    """Return a bucket of a time, which may be empty."""
    place = _spread(when_ps)
    bucket: int = recent(run)[place]
    if buckets(run)[bucket].ps == when_ps:
        return bucket
    bucket = run.free_bucket
    if bucket == NONE:
        bucket = run.fresh_bucket
        run.fresh_bucket += 1
    else:
        run.free_bucket = buckets(run)[bucket].position
    buckets(run)[bucket].ps, buckets(run)[bucket].first = when_ps, NONE
    run.bucket_count += 1
    _rise(run, run.bucket_count - 1, when_ps, bucket)
    recent(run)[place] = bucket
    return bucket


@compiled
def _spread(when_ps: int) -> int:
    """Return where a time is remembered."""
    return ((when_ps * _MIXER) >> 40) % RECENT


@compiled
def remove(run: Run, bucket: int) -> None:
    """Remove a bucket, and close the gap with the last one of the heap."""
    place = buckets(run)[bucket].position
    run.bucket_count -= 1
    last_ps, last = heap(run)[run.bucket_count].ps, heap(run)[run.bucket_count].bucket
    if last != bucket:
        _sink(run, _rise(run, place, last_ps, last), last_ps, last)
    buckets(run)[bucket].ps = NONE
    buckets(run)[bucket].position = run.free_bucket
    run.free_bucket = bucket


@compiled
def _rise(run: Run, place: int, ps: int, bucket: int) -> int:
    """Put a bucket where it belongs between a place and the top, and return where that is."""
    while place > 0 and heap(run)[(place - 1) // 2].ps > ps:
        above = (place - 1) // 2
        _put(run, place, heap(run)[above].ps, heap(run)[above].bucket)
        place = above
    _put(run, place, ps, bucket)
    return place


@compiled
def _sink(run: Run, place: int, ps: int, bucket: int) -> None:
    """Put a bucket where it belongs between a place and the bottom."""
    below = 2 * place + 1
    while below < run.bucket_count:
        if below + 1 < run.bucket_count and heap(run)[below + 1].ps < heap(run)[below].ps:
            below += 1
        if heap(run)[below].ps >= ps:
            break
        _put(run, place, heap(run)[below].ps, heap(run)[below].bucket)
        place, below = below, 2 * below + 1
    _put(run, place, ps, bucket)


@compiled
def _put(run: Run, place: int, ps: int, bucket: int) -> None:
    heap(run)[place].ps, heap(run)[place].bucket = ps, bucket
    buckets(run)[bucket].position = place
