"""Two GPUs and their host on links of 1 GB/s, so that a byte takes 1,000 ps."""

from simgpu.metrics import DeviceUse, LinkUse, WayUse, metrics_of
from simgpu.simulation import simulate
from tests.unit.program.settings import CPU0, GPU0, GPU1, Sketch, machine

US = 10**6
LINKS = {"host": {"bandwidth": "1 GB/s"}}


def measured(sketch, on, **options):
    placement = sketch.placed(on)
    return metrics_of(simulate(placement, **options), placement)


def test_a_device_has_its_work_its_waits_and_its_peak():
    sketch = Sketch().add("a", ps=10, sizes=[512]).add("b", "a", ps=5, sizes=[1024]).add("c", ps=7)
    sketch.add("other", ps=33, on="/gpu:1").add("d", ps=5, after=["other"])
    metrics = measured(sketch, machine("2 x 1MiB", launch_ps=1))

    assert metrics.devices == (
        DeviceUse(CPU0, "CPU", 0, 0, 0, 0, 0, 0, 0, 0, 0, 40),
        DeviceUse(GPU0, "GPU", 4, 27, 1, 40, 16, 1, 4, 2, 1536, 40),
        DeviceUse(GPU1, "GPU", 1, 33, 1, 34, 0, 0, 1, 0, 0, 40),
    )
    gpu = metrics.devices[1]
    assert (gpu.utilization, gpu.idle_ps, gpu.mean_queue) == (27 / 40, 12, 16 / 40)


def test_time_in_which_two_cpu_operations_run_is_busy_once():
    sketch = Sketch().add("a", ps=10, on="/cpu:0").add("b", ps=4, on="/cpu:0")
    (cpu, _) = measured(sketch, machine("1 x 1MiB", inter_op_threads=2)).devices

    assert (cpu.operations, cpu.busy_ps, cpu.first_ps, cpu.last_ps) == (2, 10, 0, 10)


def transfers():
    sketch = Sketch().add("x", type="Input", sizes=[1000]).add("t", "x", sizes=[2000, 500], ps=US)
    return sketch.add("reader", "t", "t:1", on="/gpu:1").fetch("t")


def test_every_way_has_its_transfers():
    metrics = measured(transfers(), machine("2 x 1MiB", links=LINKS))

    assert metrics.ways == (
        WayUse("caller -> GPU:0", 1, 1000, US, 0, 0, 6_500_000),
        WayUse("GPU:0 -> caller", 1, 2000, 2 * US, 2_500_000, 1, 6_500_000),
        WayUse("GPU:0 -> GPU:1", 2, 2500, 2_500_000, 2 * US, 1, 6_500_000),
    )
    assert metrics.ways[2].mean_queue == 2 / 6.5


def test_a_transfer_counts_on_every_link_of_its_route_and_what_the_caller_has_lies_in_the_host():
    metrics = measured(transfers(), machine("2 x 1MiB", links=LINKS))
    out, into, other = (link.name for link in metrics.links)

    assert [name.rpartition(" ")[2] for name in (out, into, other)] == ["out", "in", "in"]
    assert metrics.links == (
        LinkUse(out, 3, 4500, 4_500_000, 4_500_000, 10**9, 6_500_000),
        LinkUse(into, 1, 1000, US, 0, 10**9, 6_500_000),
        LinkUse(other, 2, 2500, 2_500_000, 2 * US, 10**9, 6_500_000),
    )
    assert metrics.bytes_by_link == {out: 4500, into: 1000, other: 2500}
    assert metrics.links[0].utilization == 4.5 / 6.5


def test_slices_of_a_card_use_its_memory_and_moves_in_place_no_link():
    sketch = Sketch().add("x", type="Input", on="/cpu:0", sizes=[700]).add("y", "x", on="/cpu:0")
    sketch.add("t", sizes=[1000]).add("reader", "t", on="/gpu:1")
    metrics = measured(sketch, machine("1 x 1MiB", split={"GPU:0": 2}, links=LINKS))

    assert [(way.name, way.size_bytes) for way in metrics.ways] == [("caller -> CPU:0", 700), ("GPU:0 -> GPU:1", 1000)]
    assert metrics.bytes_by_link == {"host0/GPU:0 memory": 1000}


def test_a_fat_pipe_can_carry_more_than_its_bandwidth():
    on = machine("1 x 1MiB", links={"host": {"bandwidth": "1 GB/s", "duplex": "fatpipe"}})
    sketch = Sketch().add("t", on="/cpu:0", sizes=[1000, 1000]).add("reader", "t", "t:1")
    (link,) = measured(sketch, on, copy_engines=False).links

    assert (link.size_bytes, link.busy_ps, link.utilization) == (2000, US, 2.0)
