"""Cases of linear algebra and Fourier transforms, as tables. Sizes are edges of matrices, or lengths of transforms."""

from __future__ import annotations

from simgpu.calibration.plan_rows import PlanRow, Shape

_LAPACK = "float64 complex64 complex128"
_PRODUCTS = "float16 float64 int64 complex64"
_EDGES = (16, 64, 256, 512, 1024, 128)
_STACKS = (8, 32, 128, 256)
_LENGTHS = (8, 13, 18, 20, 23, 16)


def _square(edge: int) -> list[Shape]:
    return [(edge, edge)]


def _stack(edge: int) -> list[Shape]:
    return [(8, edge, edge)]


def _tall(edge: int) -> list[Shape]:
    return [(2 * edge, edge)]


def _signals(size: int) -> list[Shape]:
    """Return signals of 256 elements each, as many as make 2**size."""
    return [(max(1, 2**size // 256), 256)]


def _signal(size: int) -> list[Shape]:
    return [(2**size,)]


def _halves(size: int) -> list[Shape]:
    """Return what transforms to real signals of 256 elements each."""
    return [(max(1, 2**size // 256), 129)]


def _half(size: int) -> list[Shape]:
    return [(2 ** (size - 1) + 1,)]


_OF_SQUARES = "linalg.cholesky linalg.det linalg.slogdet linalg.inv linalg.eigh linalg.eigvalsh"

LINALG = (
    PlanRow(f"{_OF_SQUARES} linalg.eig linalg.eigvals", _square, _LAPACK, sizes=_EDGES),
    PlanRow(_OF_SQUARES, _stack, "float64", sizes=_STACKS, tier=1),
    PlanRow("linalg.matrix_power", _square, "float64 complex64", {"n": 5}, sizes=_EDGES),
    PlanRow("linalg.matrix_power", _square, attributes={"n": -2}, sizes=_EDGES[:4], tier=2),
    PlanRow("linalg.solve", lambda edge: [(edge, edge), (edge, 16)], _LAPACK, sizes=_EDGES),
    PlanRow("linalg.solve", lambda edge: [(edge, edge), (edge,)], sizes=_EDGES[:4], tier=1),
    PlanRow("linalg.solve", lambda edge: [(8, edge, edge), (8, edge, 4)], sizes=_STACKS, tier=2),
    PlanRow("linalg.qr", _tall, _LAPACK, {"mode": "reduced"}, sizes=_EDGES),
    PlanRow("linalg.qr", _tall, attributes={"mode": "complete"}, sizes=_EDGES[:4], tier=1),
    PlanRow("linalg.svd", _tall, _LAPACK, {"full_matrices": False}, sizes=_EDGES),
    PlanRow("linalg.svd", _square, attributes={"full_matrices": True}, sizes=_EDGES[:4], tier=1),
    PlanRow("linalg.svd", _stack, attributes={"full_matrices": False}, sizes=_STACKS, tier=2),
    PlanRow("linalg.svdvals linalg.pinv linalg.matrix_rank", _tall, _LAPACK, sizes=_EDGES),
    PlanRow("linalg.matrix_norm", _stack, _LAPACK, {"ord": "fro"}, sizes=(8, 32, 128, 512, 1024)),
    PlanRow("linalg.matrix_norm", _square, attributes={"ord": "nuc"}, sizes=_EDGES[:4], tier=2),
    PlanRow("linalg.trace", _stack, "float64 int64 complex64", sizes=(8, 64, 256, 512, 1024)),
    PlanRow("linalg.diagonal", _stack, "float64 int64 complex64", sizes=(8, 64, 256, 512, 1024)),
)
PRODUCTS = (
    PlanRow("matmul linalg.matmul", lambda edge: [(edge, edge)] * 2, _PRODUCTS, sizes=_EDGES),
    PlanRow("matmul", lambda edge: [(8, edge, edge)] * 2, "complex64", sizes=(16, 64, 256), tier=2),
    PlanRow("tensordot linalg.tensordot", lambda edge: [(edge, edge)] * 2, _PRODUCTS, {"axes": 1}, sizes=_EDGES),
    PlanRow("vecdot linalg.vecdot", lambda rows: [(rows, 256)] * 2, _PRODUCTS, sizes=(4, 64, 1024, 16384, 65536, 256)),
    PlanRow("linalg.outer", lambda edge: [(edge,)] * 2, "float64 int64 complex64", sizes=(16, 128, 1024, 4096)),
    PlanRow(
        "linalg.cross",
        lambda rows: [(rows, 3)] * 2,
        "float64 int64 complex64",
        sizes=(16, 1024, 2**17, 2**20, 2**22, 2**14),
    ),
)
FOURIER = (
    PlanRow("fft.fft fft.ifft", _signals, "complex128", first="complex64", sizes=_LENGTHS),
    PlanRow("fft.fft fft.ifft", _signal, "complex128", first="complex64", sizes=_LENGTHS[1:4], tier=1),
    PlanRow("fft.irfft fft.hfft fft.irfftn", _halves, "complex128", first="complex64", sizes=_LENGTHS),
    PlanRow("fft.irfft fft.hfft", _half, "complex128", first="complex64", sizes=_LENGTHS[1:4], tier=1),
    PlanRow("fft.rfft fft.ihfft", _signals, "float64", sizes=_LENGTHS),
    PlanRow("fft.rfft fft.ihfft", _signal, "float64", sizes=_LENGTHS[1:4], tier=1),
    PlanRow("fft.fftn fft.ifftn", _signals, "complex128", first="complex64", sizes=_LENGTHS),
    PlanRow("fft.rfftn", _signals, "float64", sizes=_LENGTHS),
)
ROWS = (*LINALG, *PRODUCTS, *FOURIER)
