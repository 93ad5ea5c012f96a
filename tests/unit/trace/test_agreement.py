from simgpu.trace import Agreement, Decision, DeviceSummary, MemoryEvent, Trace, compare

ALLOCATED, RELEASED = MemoryEvent(1, True, "a", 0, 512), MemoryEvent(2, False, "a", 0, 512)


def trace_of(engine, *memory, placed="GPU:0", devices=("CPU:0", "GPU:0"), reason="requested", operations="ab"):
    return Trace(
        engine,
        "real",
        tuple(DeviceSummary(name, name[:3], 4096) for name in devices),
        tuple(Decision(name, placed, reason) for name in operations),
        memory=[[], list(memory)],
    )


PREDICTED = trace_of("simulate", ALLOCATED, RELEASED)


def difference(other):
    return compare(PREDICTED, other).difference


def test_runs_agree_if_placement_and_events_do_whatever_their_times_and_reasons():
    ran = trace_of("execute", ALLOCATED._replace(time_ps=77), RELEASED._replace(time_ps=99), reason="default")

    assert compare(PREDICTED, ran) == Agreement(operations_compared=2, events_compared=2)
    assert compare(PREDICTED, ran)


def test_the_first_event_that_differs_is_told():
    ran = trace_of("execute", ALLOCATED, RELEASED._replace(offset=512))

    assert not compare(PREDICTED, ran)
    assert difference(ran) == (
        "memory event 1 on GPU:0: simulate has release a (512 B at 0), execute has release a (512 B at 512)"
    )


def test_an_event_that_one_run_lacks_is_told():
    assert difference(trace_of("execute", ALLOCATED)) == (
        "memory event 1 on GPU:0: simulate has release a (512 B at 0), execute has none"
    )
    assert difference(trace_of("execute", ALLOCATED, RELEASED, ALLOCATED)) == (
        "memory event 2 on GPU:0: simulate has none, execute has allocate a (512 B at 0)"
    )


def test_the_events_of_the_longer_ledger_are_counted():
    assert compare(PREDICTED, trace_of("execute", ALLOCATED, RELEASED, ALLOCATED)).events_compared == 3
    assert compare(PREDICTED, trace_of("execute")).events_compared == 2


def test_another_placement_is_told_before_any_event():
    assert difference(trace_of("execute", placed="CPU:0")) == (
        "simulate placed Decision(operation='a', device='GPU:0', reason='requested') where "
        "execute placed Decision(operation='a', device='CPU:0', reason='requested')"
    )


def test_an_operation_that_one_run_lacks_is_told():
    assert difference(trace_of("execute", ALLOCATED, RELEASED, operations="a")) == (
        "simulate placed Decision(operation='b', device='GPU:0', reason='requested') where execute placed None"
    )


def test_other_devices_are_told_before_all_else():
    assert difference(trace_of("execute", devices=("CPU:0", "GPU:1"), placed="GPU:1")) == (
        "simulate has 2 devices and execute 2, or other names"
    )


def test_offsets_are_left_out_where_a_device_has_another_limit():
    def trace(limit, offset):
        device = DeviceSummary("GPU:0", "GPU", limit)
        return Trace("simulate", "modelled", (device,), (), memory=[[MemoryEvent(0, True, "x", offset, 512)]])

    assert not compare(trace(1024, 0), trace(1024, 512))
    assert compare(trace(1024, 0), trace(2048, 512)) == Agreement(0, 1, "", are_offsets_compared=False)
