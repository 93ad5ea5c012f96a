"""What is measured on a GPU, rehearsed with NumPy."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from benchmarks import gpu
from benchmarks.measuring import Figure
from benchmarks.plain import Counter, Peer, _steps, peer_of, plain_loop
from simgpu.execution import execute
from simgpu.graph import GraphBuilder, Normal, TensorSpec
from simgpu.kernels import add_operation
from simgpu.placement import place

NUMPY = Peer("numpy", "this computer", np, lambda: None, lambda: 0)
CUPY = Peer("cupy", "a card", np, lambda: None, lambda: 0)


def small_graph():
    builder = GraphBuilder()
    spec = TensorSpec((8, 8), "float32")
    (x,) = add_operation(builder, "Input", name="x", spec=spec)
    (w,) = add_operation(builder, "Variable", name="w", spec=spec, initializer=Normal(0.0, 1.0, (3,)))
    (y,) = add_operation(builder, "MatMul", [x, w])
    (z,) = add_operation(builder, "Add", [y, x])
    add_operation(builder, "Relu", [y], name="unread")
    builder.fetch(z=z)
    return builder.build()


def test_the_plain_loop_computes_what_the_engine_does():
    graph, feeds = small_graph(), {"x": np.ones((8, 8), np.float32)}
    expected, _ = execute(place(graph, "1 x 1GiB"), feeds)
    run = plain_loop(NUMPY, graph, feeds)

    for _ in range(2):
        (found,) = run()
        assert found.tolist() == expected["z"].tolist()


def test_the_plain_loop_lets_go_of_what_is_not_read_any_more():
    graph = small_graph()
    dead = {step.operation.name: [graph.tensor_name(tensor) for tensor in step.dead] for step in _steps(graph)}

    assert dead == {"x": [], "MatMul": ["w"], "Add": ["x"], "unread": ["MatMul", "unread"]}


def test_a_module_that_does_not_tell_is_not_counted():
    counter = Counter(NUMPY)
    with counter.here():
        np.ones(10)

    assert counter.sizes_bytes is None
    assert [*gpu._allocations(counter, "here")] == []


def test_what_pools_take_is_counted_in_every_thread_of_the_engine():
    hooks = pytest.importorskip("cupy.cuda.memory_hook", reason="CuPy is not installed")
    counter = Counter(CUPY)

    def take(size_bytes: int) -> None:
        """Do what a pool does before it calls `cudaMalloc`."""
        for hook in hooks.get_memory_hooks().values():
            hook.alloc_preprocess(device_id=0, mem_size=size_bytes)

    storage = counter.storage("numpy")
    take(1)
    with counter.here():
        take(2)
    take(4)
    with ThreadPoolExecutor(1, initializer=storage.enter_thread) as pool:
        pool.submit(take, 8).result()

    assert counter.sizes_bytes == [2, 8]
    assert [*gpu._allocations(counter, "here")] == [
        Figure("cudaMalloc by CuPy's pools here", 2, "calls", {"bytes": 10})
    ]


def test_the_figures_are_printed_and_written(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(gpu, "read_onnx", lambda name, batch: small_graph())
    status = gpu.main([str(tmp_path / "deep" / "out.json"), "--storage", "numpy", "--quick"])
    record = json.loads((tmp_path / "deep" / "out.json").read_text())

    assert status == 0
    assert (record["device"], record["storage"]) == ("this computer", "numpy")
    assert [(it["what"], it["unit"]) for it in record["figures"]] == [
        ("plain add of 1,000 float32, into a new array", "us"),
        ("plain add, into an array that is there", "us"),
        ("the same on a logical device", "us"),
        ("overhead over plain, new array", "us"),
        ("memory taken by 200 such additions", "B"),
        ("ResNet-50, batch 1: its kernels in a plain loop", "ms"),
        ("ResNet-50, batch 1: executed, from feed to fetch", "ms"),
        ("ResNet-50, batch 1: executed, with devices opened and variables filled", "ms"),
        ("ResNet-50, batch 1: executed, from feed to fetch, over plain", "x"),
        ("memory still taken after 2 runs more", "B"),
    ]
    told = capsys.readouterr().out.splitlines()
    assert [line.startswith(it["what"]) for line, it in zip(told[1:], record["figures"], strict=True)] == [True] * 10


@pytest.mark.parametrize(
    ("limits", "complaints"),
    [
        ((None, None), []),
        ((30, 2), []),
        (
            (5, 1),
            [
                "overhead over plain, new array: 1.5 us, the limit is 1 us",
                "ResNet-50, batch 1: executed, from feed to fetch, over plain: 20.0 % longer, the limit is 5 %",
            ],
        ),
    ],
)
def test_overheads_beyond_their_limits_are_told(limits, complaints):
    figures = [
        Figure("overhead over plain, new array", 1.5, "us"),
        Figure("ResNet-50, batch 1: executed, from feed to fetch, over plain", 1.2, "x"),
        Figure("memory still taken after 2 runs more", 10**9, "B"),
    ]

    assert [*gpu.exceeded(figures, *limits)] == complaints


def test_beyond_a_limit_the_status_is_1_and_the_figures_are_kept(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(gpu, "read_onnx", lambda name, batch: small_graph())
    status = gpu.main([str(tmp_path / "out.json"), "--storage", "numpy", "--quick", "--most-overhead", "-1000"])
    record = json.loads((tmp_path / "out.json").read_text())

    assert status == 1
    assert len(record["figures"]) == 10
    (complaint,) = record["complaints"]
    assert capsys.readouterr().out.splitlines()[-1] == f"Not good enough: {complaint}."


def test_without_a_gpu_the_file_says_why_and_the_status_is_0(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(gpu, "peer_of", lambda storage: f"no {storage} here")

    assert gpu.main([str(tmp_path / "out.json")]) == 0
    assert json.loads((tmp_path / "out.json").read_text())["skipped"] == "no cupy here"
    assert capsys.readouterr().out == "skipped: no cupy here\n"


def test_without_cupy_its_extra_is_named(monkeypatch):
    monkeypatch.setattr("benchmarks.plain.find_spec", lambda module: None)

    assert peer_of("cupy") == "CuPy is not installed: pip install 'simgpu[gpu]'"
    assert peer_of("numpy").module is np
