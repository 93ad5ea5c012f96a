"""Whatever the program and however small the memory: who waits or spills keeps every cap, and does all or says why."""

from __future__ import annotations

import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

from simgpu.errors import DeadlockError, DeviceFailure, NoEffectWarning, OutOfDeviceMemory, PlacementError
from simgpu.placement import place
from simgpu.simulation import Fails, simulate
from simgpu.trace import time_breakdown
from tests.property.programs import cases
from tests.property.test_both_engines import assert_caps_hold


def placed(case):
    try:
        return place(case.graph, case.machine, kernels=case.kernels, soft=case.soft)
    except PlacementError:
        assume(False)


def computed(trace):
    return sorted(span.name for span in trace.spans if span.kind == "compute")


def attempt(placement, **options):
    try:
        return simulate(placement, **options)
    except (OutOfDeviceMemory, DeadlockError) as error:
        event(type(error).__name__)
        return None


def all_operations(placement):
    free = (it for it in placement.graph if it.type not in ("Input", "Variable"))
    return sorted(operation.name for operation in free)


@pytest.mark.parametrize("on_oom", ["wait", "spill"])
@given(case=cases())
def test_all_operations_run_within_the_caps_or_the_reason_is_told(on_oom, case):
    placement = placed(case)
    plain, trace = attempt(placement), attempt(placement, on_oom=on_oom)
    if trace is not None:
        assert_caps_hold(trace)
        assert computed(trace) == all_operations(placement)
        assert time_breakdown(trace).makespan_ps == trace.makespan_ps
    if plain is not None:
        assert trace == plain


@given(case=cases(), share=st.integers(0, 100), then=st.sampled_from(["raise", "takeover"]))
def test_after_a_failure_another_device_does_all_that_is_left(case, share, then):
    placement = placed(case)
    plain = attempt(placement)
    gpus = [device for device in placement.machine.devices if device.kind == "GPU"]
    assume(plain is not None and len(gpus) > 1 and plain.makespan_ps)
    fails = Fails(device=gpus[0].name, at=plain.makespan_ps * share // 100, then=then)
    try:
        trace = simulate(placement, perturbations=(fails,))
    except (DeviceFailure, OutOfDeviceMemory) as error:
        event(type(error).__name__)
        assert_caps_hold(error.trace)
        return
    except NoEffectWarning:
        return

    assert_caps_hold(trace)
    assert set(computed(trace)) == set(all_operations(placement))
    dead = (span for span in trace.spans if span.kind != "launch" and gpus[0].name in span.resource)
    assert all(span.end_ps <= fails.at for span in dead)
    assert gpus[0].name not in {decision.device for decision in trace.decisions}
