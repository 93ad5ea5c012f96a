"""The machine of a calibration: one card with the measured figures, beside the CPU of a generic host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from simgpu.machine import DeviceModel, LinkSpec, Machine
from simgpu.units import PS_PER_S

if TYPE_CHECKING:
    from simgpu.costs.measured_records import Calibration

PINNED_WAYS = ("h2d-pinned", "d2h-pinned")
"""Ways of copies between a card and pinned memory of the host."""
_HOST_WAYS = ("h2d", "h2d-pageable", "d2h", "d2h-pageable")


def measured_machine(calibration: Calibration, limits: Sequence[int | str]) -> Machine:
    """Return a machine with one card cut into these limits.

    The link to the host is as fast as the fastest copy, with the latency of the quickest small one: of those with
    pinned memory, if there are any, since that is what the link itself does.
    """
    base = Machine({"gpus": f"1 x {calibration.device.memory_bytes}B"}).inventory
    models = {"GPU": _card, "CPU": _cpu}
    devices = tuple(
        replace(device, model=models[device.kind](calibration, device.model)) for device in base.physical_devices
    )
    hosts = tuple(
        replace(host, inter_op_threads=calibration.device.cores, intra_op_threads=calibration.device.cores)
        for host in base.hosts
    )
    links = tuple(_link(calibration, link) for link in base.links)
    whole = replace(base, physical_devices=devices, hosts=hosts, links=links)
    return Machine.from_inventory(whole).split({"GPU:0": list(limits)})


def _card(calibration: Calibration, model: DeviceModel) -> DeviceModel:
    facts = calibration.device
    launches = [sample.host_ps for sample in calibration.good if sample.kind == "GPU"]
    return replace(
        model,
        name=facts.name,
        title=f"{facts.name}, calibrated on {facts.date}",
        memory_bandwidth_bytes_per_s=_bandwidth(calibration),
        peak_flop_per_s=dict(calibration.peak_flop_per_s) or model.peak_flop_per_s,
        launch_overhead_ps=calibration.overheads.compute_ps + min(launches, default=0),
        source=f"measured on {facts.storage} storage, driver {facts.driver or 'unknown'}",
    )


def _cpu(calibration: Calibration, model: DeviceModel) -> DeviceModel:
    """Return the model of the CPU. Where the card is the CPU itself, it has the figures measured on it."""
    figures = replace(model, cores=calibration.device.cores)
    if calibration.device.is_asynchronous:
        return figures
    peaks = dict(calibration.peak_flop_per_s) or model.peak_flop_per_s
    return replace(figures, memory_bandwidth_bytes_per_s=_bandwidth(calibration), peak_flop_per_s=peaks)


def _bandwidth(calibration: Calibration) -> int:
    """Return the bandwidth of memory: of operations, or of copies from one sibling to another if that is more."""
    copied = max((2 * rate for rate in _rates(calibration, ("d2d",))), default=0)
    return max(1, calibration.memory_bandwidth_bytes_per_s, copied)


def _link(calibration: Calibration, link: LinkSpec) -> LinkSpec:
    ways = next((ways for ways in (PINNED_WAYS, _HOST_WAYS) if _rates(calibration, ways)), ())
    samples = [sample for way in ways for sample in calibration.copies_of(way)]
    if not samples:
        return link
    smallest = min(sample.size_bytes for sample in samples)
    quickest_ps = min(sample.time_ps for sample in samples if sample.size_bytes == smallest)
    return replace(link, bandwidth_bytes_per_s=max(_rates(calibration, ways)), latency_ps=quickest_ps)


def _rates(calibration: Calibration, ways: Sequence[str]) -> list[int]:
    return [
        max(1, sample.size_bytes * PS_PER_S // max(1, sample.time_ps))
        for way in ways
        for sample in calibration.copies_of(way)
    ]
