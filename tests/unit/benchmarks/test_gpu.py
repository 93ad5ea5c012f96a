"""What is measured on a GPU, rehearsed with NumPy, and on a stand-in for a card."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import gpu, network, small
from benchmarks.measuring import Figure
from benchmarks.plain import Peer, peer_of, plain_loop, steps_of, variables_of
from benchmarks.straight import straight_loop
from simgpu.errors import ExecutionError
from simgpu.execution import execute
from simgpu.graph import GraphBuilder, Normal, TensorSpec
from simgpu.kernels import add_operation
from simgpu.placement import place
from simgpu.readers import read_onnx
from simgpu.session import make_feeds

NUMPY = Peer("numpy", "this computer", np, lambda: None, lambda: 0)


def small_graph():
    """Return a graph of operations that ResNet-50 has, too."""
    builder = GraphBuilder()
    (x,) = add_operation(builder, "Input", name="x", spec=TensorSpec((8, 8), "float32"))
    (w,) = add_operation(
        builder, "Variable", name="w", spec=TensorSpec((8, 8), "float32"), initializer=Normal(0.0, 1.0, (3,))
    )
    (b,) = add_operation(
        builder, "Variable", name="b", spec=TensorSpec((8,), "float32"), initializer=Normal(0.0, 1.0, (4,))
    )
    (y,) = add_operation(builder, "Gemm", [x, w, b], name="product")
    (z,) = add_operation(builder, "Sum", [y, x], name="sum")
    add_operation(builder, "Relu", [y], name="unread")
    builder.fetch(z=z)
    return builder.build()


@pytest.fixture
def quickly(monkeypatch):
    """Measure a small graph in place of ResNet-50."""
    monkeypatch.setattr(network, "read_onnx", lambda name, batch: small_graph())


@pytest.mark.parametrize("loop", [plain_loop, straight_loop])
def test_both_loops_compute_what_the_engine_does(loop):
    graph, feeds = small_graph(), {"x": np.ones((8, 8), np.float32)}
    expected, _ = execute(place(graph, "1 x 1GiB"), feeds)
    run = loop(NUMPY, graph, feeds)

    for _ in range(2):
        (found,) = run()
        np.testing.assert_allclose(found, expected["z"], rtol=1e-5)


def test_straight_code_computes_resnet_as_its_kernels_do():
    graph = read_onnx("light_resnet50", batch=1, weights="random", seed=3)
    feeds = make_feeds(graph, seed=7)
    (expected,), (found,) = plain_loop(NUMPY, graph, feeds)(), straight_loop(NUMPY, graph, feeds)()

    assert np.ptp(expected) > 0, "with weights drawn from a seed, classes differ"
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-7)


def test_loops_let_go_of_what_is_not_read_any_more():
    graph = small_graph()
    dead = {step.operation.name: [graph.tensor_name(tensor) for tensor in step.dead] for step in steps_of(graph)}

    assert dead == {"x": [], "product": ["w", "b"], "sum": ["x"], "unread": ["product", "unread"]}


def test_variables_are_there_before_a_loop_runs():
    graph = small_graph()
    found = variables_of(NUMPY, graph)

    assert sorted(graph.tensor_name(tensor) for tensor in found) == ["b", "w"]


def figures_of(name):
    return [(f"{name}: {what}", "us") for what in ("plain", "on a logical device", "overhead over plain")]


NETWORK = [
    ("ResNet-50, batch 1: its kernels in a plain loop", "ms"),
    ("ResNet-50, batch 1: straight code of the module, without simgpu's kernels", "ms"),
    ("ResNet-50, batch 1: executed, from feed to fetch", "ms"),
    ("ResNet-50, batch 1: executed, with variables filled", "ms"),
    ("ResNet-50, batch 1: executed, from feed to fetch, over the plain loop", "x"),
    ("ResNet-50, batch 1: executed, from feed to fetch, over straight code", "x"),
]


def test_the_figures_are_printed_and_written(tmp_path, capsys, quickly):
    status = gpu.main([str(tmp_path / "deep" / "out.json"), "--storage", "numpy", "--quick"])
    record = json.loads((tmp_path / "deep" / "out.json").read_text())

    assert status == 0
    assert (record["device"], record["storage"], record["is_complete"]) == ("this computer", "numpy", True)
    assert [(it["what"], it["unit"]) for it in record["figures"]] == [
        *(figure for it in small.SMALL for figure in figures_of(it.name)),
        ("memory taken by 100 of each", "B"),
        *NETWORK,
        ("memory taken by 2 rounds more", "B"),
    ]
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"on this computer, numpy storage; {gpu.PLAIN}"
    assert all(line.startswith(it["what"]) for line, it in zip(told[1:], record["figures"], strict=True))


def test_what_is_measured_is_in_the_file_before_the_rest(tmp_path, monkeypatch):
    out = tmp_path / "out.json"
    seen = []

    def second(peer, *, quick):
        seen.append(json.loads(out.read_text()))
        yield Figure("second", 2.0, "us")

    monkeypatch.setattr(gpu, "small", lambda peer, *, quick: iter([Figure("first", 1.0, "us")]))
    monkeypatch.setattr(gpu, "network", second)
    gpu.main([str(out), "--storage", "numpy"])

    assert [([it["what"] for it in record["figures"]], record["is_complete"]) for record in seen] == [
        (["first"], False)
    ]
    assert [it["what"] for it in json.loads(out.read_text())["figures"]] == ["first", "second"]


def test_an_overhead_is_the_median_of_the_differences_of_rounds():
    plain, ours = small.Times(total=[1.0, 9.0, 2.0]), small.Times(total=[4.0, 10.0, 7.0])
    figures = [*small._figures(small.SMALL[0], plain, ours)]

    assert [(it.what.partition(": ")[2], it.value) for it in figures] == [
        ("plain", 2.0),
        ("on a logical device", 7.0),
        ("overhead over plain", 3.0),
    ]


@pytest.fixture
def card(monkeypatch):
    """Stand for a card: return how things are measured on it."""
    host = pytest.importorskip("tests.cupy_on_host", reason="CuPy is not installed: pip install cupy-cuda13x")
    storage = host.host_storage(2**34, is_lazy=True)
    for module in (small, network):
        monkeypatch.setattr(module, "storage_named", lambda name: storage)
    return Peer("cupy", "a card", np, lambda: None, lambda: storage.driver.used_bytes, driver=storage.driver)


def test_on_a_card_what_the_host_does_is_told_apart_and_calls_are_counted(card):
    figures = [*small.small(card, quick=True)]
    found = {it.what: it for it in figures}

    assert [what for what in found if what.startswith("multiply: ")] == [
        "multiply: plain",
        "multiply: on a logical device",
        "multiply: overhead over plain",
        "multiply: launch on the host, plain",
        "multiply: on the card, plain",
        "multiply: launch on the host, on a logical device",
        "multiply: on the card, on a logical device",
    ]
    assert [what for what in found if what.startswith("copy") and "on the card" in what] == []
    assert {it.what: it.value for it in figures if it.unit == "calls"} == {
        **{
            f"{name} by simgpu in 100 of each": 0
            for name in ("cudaMalloc", "cudaFree", "cudaHostAlloc", "cudaFreeHost")
        },
        "cudaStreamSynchronize by simgpu in 100 of each": 0,
        "cudaEventSynchronize by simgpu in 100 of each": 0,
        "cudaMalloc by CuPy's pools in 100 of each": 0,
        "cudaStreamSynchronize through CuPy in 100 of each": 0,
        "cudaDeviceSynchronize through CuPy in 100 of each": 0,
    }
    assert [*gpu.unsteady(figures)] == []
    assert found["memory taken by 100 of each"].value == 0


def test_on_a_card_runs_of_a_network_are_counted(card, quickly):
    figures = [*network.network(card, quick=True)]
    calls = {it.what: it.value for it in figures if it.unit == "calls"}

    assert (calls["cudaMalloc by simgpu in 2 runs"], calls["cudaFree by simgpu in 2 runs"]) == (0, 0)
    assert calls["cudaMalloc by CuPy's pools in 2 runs"] == 0
    assert [*gpu.unsteady(figures)] == []


def test_memory_that_is_taken_again_and_again_is_no_steady_state(card, monkeypatch):
    kept = []
    leaking = small.Small("leak", (8,), lambda m, x, y: None, lambda xp, x, y: kept.append(card.driver.take(512)))
    monkeypatch.setattr(small, "SMALL", (leaking,))
    complaints = [*gpu.unsteady([*small.small(card, quick=True)])]

    assert complaints == [
        "memory taken by 100 of each: operations that had run before made 100 calls of cudaMalloc",
        "memory taken by 100 of each: operations that had run before made the card hold 51200 B more",
    ]


def test_a_host_that_waits_for_the_card_is_found_out(card, monkeypatch):
    monkeypatch.setattr(card.driver, "is_done", lambda event: True)
    found = [*gpu.unsteady([*small.small(card, quick=True)])]

    assert len(found) == 2 * len(small.SMALL)
    assert found[0] == (
        "add of 1,000 float32: launch on the host, plain: the card went on before all was launched, as if the host had "
        "waited for it"
    )


@pytest.mark.parametrize(
    ("limits", "complaints"),
    [
        ((None, None), []),
        ((30, 2), []),
        (
            (5, 1),
            [
                "multiply: overhead over plain: 1.5 us, the limit is 1 us",
                "ResNet: executed, from feed to fetch, over the plain loop: 20.0 % longer, the limit is 5 %",
            ],
        ),
    ],
)
def test_overheads_beyond_their_limits_are_told(limits, complaints):
    figures = [
        Figure("multiply: on a logical device", 900.0, "us"),
        Figure("multiply: overhead over plain", 1.5, "us"),
        Figure("ResNet: executed, from feed to fetch, over the plain loop", 1.2, "x"),
        Figure("ResNet: executed, from feed to fetch, over straight code", 9.9, "x"),
        Figure("memory taken by 2 runs more", 10**9, "B"),
    ]

    assert [*gpu.exceeded(figures, *limits)] == complaints


def test_beyond_a_limit_the_status_is_1_and_the_figures_are_kept(tmp_path, quickly, capsys):
    status = gpu.main([str(tmp_path / "out.json"), "--storage", "numpy", "--quick", "--most-overhead", "-1000"])
    record = json.loads((tmp_path / "out.json").read_text())

    assert status == 1
    assert len(record["figures"]) == 3 * len(small.SMALL) + 1 + len(NETWORK) + 1
    assert len(record["complaints"]) == len(small.SMALL)
    assert capsys.readouterr().out.splitlines()[-1] == f"Not good enough: {record['complaints'][-1]}."


@pytest.mark.parametrize(
    ("card_seen", "arguments", "status", "told"),
    [
        (None, ("--rehearse",), 0, "skipped: no cupy here"),
        (None, (), 1, "skipped: no cupy here"),
        (
            "/dev/nvidia0",
            ("--rehearse",),
            1,
            "failed: there is a card (/dev/nvidia0), and it cannot be used: no cupy here",
        ),
    ],
)
def test_without_a_card_that_can_be_used_it_is_said_why(
    tmp_path, monkeypatch, capsys, card_seen, arguments, status, told
):
    monkeypatch.setattr(gpu, "peer_of", lambda storage: f"no {storage} here")
    monkeypatch.setattr(gpu, "seen_card", lambda: card_seen)

    assert gpu.main([str(tmp_path / "out.json"), *arguments]) == status
    record = json.loads((tmp_path / "out.json").read_text())
    assert record["failed" if card_seen else "skipped"] == "no cupy here"
    assert capsys.readouterr().out == f"{told}\n"


def test_without_cupy_its_extra_is_named(monkeypatch):
    monkeypatch.setattr("benchmarks.plain.find_spec", lambda module: None)

    assert peer_of("cupy") == "CuPy is not installed: pip install 'simgpu[gpu]'"
    assert peer_of("numpy").module is np


def test_a_card_on_which_no_storage_can_be_made_is_not_measured(monkeypatch):
    runtime = pytest.importorskip("cupy", reason="CuPy is not installed").cuda.runtime

    def refuse():
        raise ExecutionError("storage='cupy' needs an NVIDIA GPU")

    monkeypatch.setattr(runtime, "getDeviceProperties", lambda number: {"name": b"a card"})
    monkeypatch.setattr("benchmarks.plain.cupy_storage", refuse)

    assert peer_of("cupy") == "storage='cupy' needs an NVIDIA GPU"
