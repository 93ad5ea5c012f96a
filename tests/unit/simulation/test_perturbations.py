import statistics

import pytest

from simgpu.errors import DeviceFailure, InvalidValue, MachineError, NoEffectWarning
from simgpu.simulation import Fails, Flaky, LinkChange, Slow, simulate
from tests.unit.program.settings import GPU0, GPU1, Sketch, computed, machine, moved

US = 10**6
LINKS = {"host": {"bandwidth": "1 GB/s"}}
TWO = machine("2 x 1MiB", links=LINKS)
OUT_OF_0, INTO_1 = "host0/GPU:0 host out", "host0/GPU:1 host in"


def run(sketch, *perturbations, on=TWO, **options):
    return simulate(sketch.placed(on), perturbations=perturbations, **options)


def both():
    return Sketch().add("a", ps=100).add("b", ps=100, on="/gpu:1").add("c", ps=100, on="/cpu:0")


def sent():
    return Sketch().add("t", sizes=[4000]).add("reader", "t", on="/cpu:0")


def link_out(on):
    return next(channel.name for channel in on.channels if "GPU:0" in channel.name and "memory" not in channel.name)


def test_a_slow_device_takes_longer_and_others_do_not():
    assert computed(run(both(), Slow(device="GPU:1", factor=2.5))) == {"a": (0, 100), "b": (0, 250), "c": (0, 100)}


def test_a_pattern_means_all_devices_that_match():
    assert computed(run(both(), Slow(device="GPU:*", factor=3))) == {"a": (0, 300), "b": (0, 300), "c": (0, 100)}


@pytest.mark.parametrize("distribution", ["lognormal", "exponential", "uniform"])
def test_jitter_has_the_mean_1_and_its_spread_and_comes_from_the_seed(distribution):
    sketch = Sketch()
    for number in range(2000):
        sketch.add(f"op{number}", ps=1_000_000)
    jitter = Slow(device="GPU:0", spread=0.5, distribution=distribution)
    traces = [run(sketch, jitter, seed=seed) for seed in (1, 1, 2)]
    lasted = [span.end_ps - span.start_ps for span in traces[0].spans]
    spread = {"lognormal": 0.533, "exponential": 0.5, "uniform": 0.289}[distribution]  # standard deviations

    assert traces[0] == traces[1] != traces[2]
    assert statistics.mean(lasted) == pytest.approx(1_000_000, rel=0.05)
    assert statistics.stdev(lasted) == pytest.approx(spread * 1_000_000, rel=0.1)


def test_another_perturbation_behind_it_does_not_change_what_one_draws():
    jitter = Slow(device="GPU:0", spread=0.5)

    assert computed(run(both(), jitter))["a"] == computed(run(both(), jitter, Slow(device="GPU:1", spread=0.5)))["a"]


def test_a_link_has_another_bandwidth_from_a_time_on():
    link = link_out(TWO)
    trace = run(sent(), LinkChange(link=link, at="1 us", bandwidth="500 MB/s"))

    assert moved(trace) == {"t: GPU:0 -> CPU:0": (0, US + 6 * US)}


def test_a_fifo_link_has_it_for_those_that_come_after():
    link = link_out(TWO)
    sketch = Sketch().add("t", sizes=[4000, 1000]).add("reader", "t", "t:1", on="/cpu:0")
    trace = run(sketch, LinkChange(link=link, at="1 us", bandwidth="500 MB/s"), links="fifo", copy_engines=False)

    assert moved(trace) == {"t: GPU:0 -> CPU:0": (0, 4 * US), "t:1: GPU:0 -> CPU:0": (4 * US, 6 * US)}


def test_a_flaky_link_is_ill_now_and_then_and_well_in_the_end():
    link = link_out(TWO)
    flaky = Flaky(link=link, well="1 us", ill="1 us", until="1 ms", factor=0.5)
    ends = [moved(run(sent(), flaky, seed=seed))["t: GPU:0 -> CPU:0"][1] for seed in (1, 1, 2)]

    assert ends[0] == ends[1] != ends[2]
    assert all(4 * US < end < 8 * US for end in ends)


def test_a_link_that_no_transfer_uses_is_a_warning():
    link = next(channel.name for channel in TWO.channels if "GPU:1" in channel.name)
    with pytest.warns(NoEffectWarning) as caught:
        run(sent(), LinkChange(link=link, at=0, bandwidth=1))

    assert [str(warning.message) for warning in caught] == [
        f"no transfer uses the link {link!r}, so a change of it has no effect"
    ]


def test_a_slow_device_without_work_is_a_warning():
    with pytest.warns(NoEffectWarning, match="no operation runs on 'GPU:1', so that it is slow has no effect"):
        run(Sketch().add("a", ps=5), Slow(device="GPU:1", factor=2))


@pytest.mark.parametrize(
    ("perturbation", "error", "message"),
    [
        (Slow(device="TPU:*"), InvalidValue, "no device matches 'TPU:*'; the machine has CPU:0, GPU:0, GPU:1"),
        (Slow(device="GPU:7"), MachineError, "the machine has no device 'GPU:7'; it has CPU:0, GPU:0, GPU:1"),
        (
            Fails(device="GPU:0", at=5, then="GPU:0"),
            InvalidValue,
            "then='GPU:0' is the device that fails; name another one",
        ),
    ],
)
def test_what_is_not_there_is_named(perturbation, error, message):
    with pytest.raises(error) as caught:
        run(both(), perturbation)

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Slow(device="GPU:0", factor=-1), "factor=-1 must be a number from 0 to 1e+09"),
        (lambda: Slow(device="GPU:0", factor=float("nan")), "factor=nan must be a number from 0 to 1e+09"),
        (lambda: Slow(device="GPU:0", spread=2, distribution="uniform"), "spread=2 must be a number from 0 to 1"),
        (
            lambda: Slow(device="GPU:0", distribution="normal"),
            "distribution='normal' is not one of lognormal, exponential, uniform",
        ),
        (
            lambda: Flaky(link="x", well="1 s", ill="1 s", until="1 s", factor="half"),
            "factor='half' must be a number from 0 to 1e+09",
        ),
    ],
)
def test_figures_that_cannot_be_meant_are_refused_at_once(make, message):
    with pytest.raises(InvalidValue) as caught:
        make()

    assert str(caught.value) == message


def failing():
    """Return a chain on GPU:0 with a variable, and its reader on the CPU."""
    sketch = Sketch().add("a", ps=10, sizes=[512]).add("b", "a", ps=10, sizes=[512]).add("c", "b", ps=10, sizes=[512])
    return sketch.add("d", "c", ps=10, on="/cpu:0")


def test_a_device_that_fails_with_work_left_is_an_error_with_the_trace_until_then():
    with pytest.raises(DeviceFailure) as caught:
        run(failing(), Fails(device="GPU:0", at=15))

    assert str(caught.value) == (
        "GPU:0 fails at 15 ps, with 3 operations and transfers left: b, c, c; let another device take over (`then`), "
        "or place less on GPU:0"
    )
    assert computed(caught.value.trace) == {"a": (0, 10)}
    assert caught.value.trace.memory[1][-1].time_ps == 15


def test_one_operation_that_is_left_is_named_as_one():
    with pytest.raises(DeviceFailure) as caught:
        run(Sketch().add("a", ps=10), Fails(device="GPU:0", at=5))

    assert str(caught.value) == (
        "GPU:0 fails at 5 ps, with 1 operation or transfer left: a; let another device take over (`then`), or place "
        "less on GPU:0"
    )


def test_a_device_that_fails_when_its_work_is_done_is_a_warning():
    with pytest.warns(NoEffectWarning, match="GPU:1 fails at 1 us, when its work is done; that has no effect"):
        trace = run(both(), Fails(device="GPU:1", at="1 us"))

    assert trace.makespan_ps == 100


@pytest.mark.parametrize("then", ["takeover", "GPU:1"])
def test_another_device_computes_again_what_was_lost_and_is_needed(then):
    trace = run(failing(), Fails(device="GPU:0", at=15, then=then))

    assert [(span.name, span.resource) for span in trace.spans if span.kind == "compute"] == [
        ("a", GPU0),
        ("a", GPU1),
        ("b", GPU1),
        ("c", GPU1),
        ("d", trace.devices[0].name),
    ]
    assert computed(trace)["c"] == (35, 45)
    assert [decision.reason for decision in trace.decisions][:3] == ["GPU:0 failed"] * 3


def test_what_has_survived_elsewhere_is_not_computed_again():
    sketch = Sketch().add("a", ps=10, sizes=[500]).add("on cpu", "a", ps=10, on="/cpu:0", sizes=[500])
    sketch.add("b", "on cpu", ps=10, sizes=[500])
    trace = run(sketch, Fails(device="GPU:0", at="600 ns", then="GPU:1"))

    assert [(span.name, span.resource) for span in trace.spans if span.kind == "compute"] == [
        ("a", GPU0),
        ("on cpu", trace.devices[0].name),
        ("b", GPU1),
    ]


def test_without_another_device_of_its_kind_nobody_takes_over():
    with pytest.raises(MachineError) as caught:
        run(failing(), Fails(device="GPU:0", at=15, then="takeover"), on=machine("1 x 1MiB", links=LINKS))

    assert str(caught.value) == "GPU:0 fails, and there is no other GPU to take over"


def test_only_one_device_can_fail():
    with pytest.raises(InvalidValue, match="2 devices fail; one at most can, so leave out the others"):
        run(failing(), Fails(device="GPU:0", at=15), Fails(device="GPU:1", at=15))
