"""A calibration for people: the device, its figures, its copies, and which operations were measured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from rich.table import Table

from simgpu.costs import Calibration, ContentionSample, OperationSample
from simgpu.costs.measured_records import WAYS, median
from simgpu.report.tables import Part, table
from simgpu.units import PS_PER_S, short_duration, short_flops, short_rate, short_size

_MOST_TYPES = 40


def calibration_report(found: Calibration) -> list[Part]:
    """Return lines and tables about a calibration."""
    device = found.device
    versions = ", ".join(f"{name} {version}" for name, version in device.versions.items())
    driver = f", driver {device.driver}" if device.driver else ""
    peaks = ", ".join(f"{dtype} {short_flops(peak)}" for dtype, peak in found.peak_flop_per_s.items())
    slowdowns = {count: found.slowdown(count) for count in sorted({sample.siblings for sample in found.contention})}
    parts: list[Part] = [
        f"{device.name} ({device.storage} storage{driver}; {versions}), {device.date}",
        f"Memory: {short_rate(found.memory_bandwidth_bytes_per_s)}; products: {peaks}.",
        f"Of the host for each task: {short_duration(found.overheads.compute_ps)} for an operation, "
        f"{short_duration(found.overheads.transfer_ps)} for a transfer.",
    ]
    if slowdowns:
        shared = ", ".join(f"{slowdown:.2f} times with {count}" for count, slowdown in slowdowns.items())
        parts.append(f"Siblings at work at once take longer: {shared}.")
        parts += ["", "Siblings at work at once", _siblings(found)]
    parts += ["", "Copies", _copies(found), "", "Operations", *_operations(found)]
    failed = [sample for sample in found.operations if sample.failed]
    return [*parts, *_failures(failed)]


def _copies(found: Calibration) -> Table:
    rows = []
    for way in WAYS:
        samples = found.copies_of(way)
        if samples:
            small, large = samples[0], samples[-1]
            rate = large.size_bytes * PS_PER_S // max(1, large.time_ps)
            least = short_duration(small.time_ps)
            rows.append((way, str(len(samples)), least, short_size(large.size_bytes), short_rate(rate)))
    columns = ("Way", "Sizes", "Smallest takes", "Largest", "at")
    return table(columns, rows, right=columns[1:])


def _siblings(found: Calibration) -> Table:
    """Return how many times longer each operation takes with so many at once, and the spread as a part of that time."""
    counts = sorted({sample.siblings for sample in found.contention})
    groups: defaultdict[tuple[str, str], dict[int, ContentionSample]] = defaultdict(dict)
    for sample in found.contention:
        groups[sample.type, ", ".join(map(str, sample.inputs))][sample.siblings] = sample
    rows = []
    for (type, inputs), samples in sorted(groups.items()):
        alone_ps = next(iter(samples.values())).alone_ps
        rows.append((f"{type}({inputs})", short_duration(alone_ps), *(_slowdown(samples.get(n)) for n in counts)))
    columns = ("Operation", "Alone", *(f"With {count}" for count in counts))
    return table(columns, rows, right=columns[1:])


def _slowdown(sample: ContentionSample | None) -> str:
    if sample is None:
        return ""
    together_ps = max(1, sample.together_ps)
    return f"x {together_ps / max(1, sample.alone_ps):.2f} (spread {100 * sample.spread_ps / together_ps:.0f} %)"


def _operations(found: Calibration) -> list[Part]:
    """Return a table of the types with the most samples, and how many others there are."""
    groups: defaultdict[tuple[str, str], list[OperationSample]] = defaultdict(list)
    for sample in found.good:
        groups[sample.kind, sample.type].append(sample)
    often = sorted(groups, key=lambda key: (-len(groups[key]), key))[:_MOST_TYPES]
    rows = [
        (
            type,
            kind,
            str(len(samples)),
            short_duration(median(sample.host_ps for sample in samples)),
            short_duration(min(sample.device_ps for sample in samples)),
            short_duration(max(sample.device_ps for sample in samples)),
        )
        for (kind, type), samples in ((key, groups[key]) for key in sorted(often))
    ]
    columns = ("Type", "On", "Samples", "Host, median", "Device, least", "Device, most")
    seldom = [samples for key, samples in groups.items() if key not in often]
    return [table(columns, rows, right=columns[2:]), *_others(seldom)]


def _others(groups: Sequence[Sequence[OperationSample]]) -> list[Part]:
    """Count the types of which there are fewer samples."""
    if not groups:
        return []
    counts = sorted(map(len, groups))
    types = "1 more type" if len(groups) == 1 else f"{len(groups)} more types"
    return [f"and {types}, of {counts[0]} to {counts[-1]} samples each; all are in the file"]


def _failures(failed: list[OperationSample]) -> list[Part]:
    if not failed:
        return []
    types = sorted({sample.type for sample in failed})
    samples = "1 sample" if len(failed) == 1 else f"{len(failed)} samples"
    return [f"{samples} failed, of {', '.join(types)}; the first: {failed[0]}: {failed[0].failed}"]
