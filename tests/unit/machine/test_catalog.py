"""The catalog: every entry is whole, names its source, and the figures are those of the data sheets."""

from __future__ import annotations

import pytest

from simgpu.machine import DeviceModel, LinkType, Machine, MachineKeyError, catalog
from simgpu.units import GiB

MODELS = [part for part in catalog.parts() if isinstance(part, DeviceModel)]
LINKS = [part for part in catalog.parts() if isinstance(part, LinkType)]


def test_the_catalog_has_these_parts():
    assert [part.name for part in catalog.parts()] == [
        *("h100-80g", "h100-pcie-80g", "h200-141g", "a100-40g", "a100-80g", "a100-pcie-40g", "a100-pcie-80g"),
        *("v100-16g", "v100-32g", "t4", "l4", "l40s", "rtx4090", "generic"),
        *("cpu-2s-8480", "cpu-2s-7742", "cpu-2s-2698", "cpu-2c"),
        *("pcie3-x16", "pcie4-x16", "pcie5-x16", "nvlink2", "nvlink3", "nvlink4"),
        *("ib-edr", "ib-hdr", "ib-ndr", "eth-100g"),
    ]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_device_names_its_source_and_has_plausible_figures(model):
    assert len(model.source) > 20
    assert model.title
    assert min(model.memory_bytes, model.memory_bandwidth_bytes_per_s, model.cores) > 0
    assert 0 < model.peak_flop_per_s["float64"] < model.peak_flop_per_s["float32"]
    assert set(model.peak_flop_per_s) <= {"float64", "float32", "tensorfloat32", "float16", "bfloat16", "int8"}
    assert (model.kind == "GPU") == (model.compute_capability is not None) == (model.launch_overhead_ps > 0)
    assert not model.host_link or catalog.link(model.host_link).kind == "host"


@pytest.mark.parametrize("link", LINKS, ids=lambda link: link.name)
def test_a_link_names_its_source_and_what_is_assumed(link):
    assert "latency: assumption" in link.source
    assert link.bandwidth_bytes_per_s > 10**9
    assert 0 < link.latency_ps <= 5_000_000


@pytest.mark.parametrize("box", catalog.boxes(), ids=lambda box: box.name)
def test_a_box_is_a_machine(box):
    machine = Machine(box.name)

    assert len(box.source) > 20
    assert len(machine.hosts) == box.hosts
    assert Machine({"box": box.name.upper()}) == machine


def test_the_h100_has_the_figures_of_its_data_sheet():
    h100 = catalog.gpu("H100-80G")

    assert dict(h100.peak_flop_per_s) == {
        "float64": 34 * 10**12,
        "float32": 67 * 10**12,
        "tensorfloat32": 4947 * 10**11,
        "float16": 9894 * 10**11,
        "bfloat16": 9894 * 10**11,
        "int8": 19789 * 10**11,
    }
    assert (h100.memory_bytes, h100.memory_bandwidth_bytes_per_s) == (80 * GiB, 3_350 * 10**9)
    assert (h100.cores, h100.compute_capability, h100.copy_engines) == (132, (9, 0), 2)


def test_a_type_without_units_of_its_own_runs_at_the_rate_of_float32():
    v100 = catalog.gpu("v100-16g")

    assert [v100.peak_for(dtype) for dtype in ("float16", "float64", "bfloat16", "int32", "float32")] == [
        125 * 10**12,
        78 * 10**11,
        157 * 10**11,
        157 * 10**11,
        157 * 10**11,
    ]


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("pcie3-x16", 15_750_000_000),
        ("pcie4-x16", 31_500_000_000),
        ("pcie5-x16", 63_000_000_000),
        ("nvlink2", 150_000_000_000),
        ("nvlink3", 300_000_000_000),
        ("nvlink4", 450_000_000_000),
        ("ib-edr", 12_500_000_000),
        ("ib-hdr", 25_000_000_000),
        ("ib-ndr", 50_000_000_000),
        ("eth-100g", 12_500_000_000),
    ],
)
def test_the_bandwidth_of_a_link_is_that_of_one_direction(name, rate):
    assert catalog.link(name).bandwidth_bytes_per_s == rate


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(MachineKeyError) as box:
        catalog.box("hgx-h100-9")
    with pytest.raises(MachineKeyError) as link:
        catalog.link("eth")

    assert [str(box.value), str(link.value)] == [
        "the catalog has no box named 'hgx-h100-9'; did you mean 'hgx-h100-8' or 'hgx-h200-8' or 'hgx-a100-8'?",
        "the catalog has no link named 'eth'; did you mean 'eth-100g'?",
    ]
