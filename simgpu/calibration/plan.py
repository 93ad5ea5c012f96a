"""The plan of a calibration: what is measured, in the order in which it is worth its time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from simgpu.calibration import plan_array_api, plan_linalg, plan_networks
from simgpu.calibration.case import Case, case
from simgpu.calibration.plan_dynamic import dynamic_cases
from simgpu.calibration.plan_elements import element_cases, moving_cases, pooling_cases, shape_of, summing_cases
from simgpu.calibration.plan_products import convolution_cases, product_cases
from simgpu.calibration.plan_rows import cases_of
from simgpu.graph import TensorSpec
from simgpu.units import GiB, MiB

QUICK_BUDGET_S, FULL_BUDGET_S = 15.0, 165.0
_OFTEN = {"Conv": 10, "MatMul": 8, "Gemm": 4, "Add": 2, "MaxPool": 2, "Concat": 2}
"""How many cases of a type come for each one of others."""
_TURNS_BEFORE = 3
"""So many turns of what networks use come in each tier before the functions of the array API standard."""
_SMALL_BYTES, _LARGE_BYTES = 8192, 2**20
"""About how many bytes the first cases of a type move: of one that is mostly launch or call, and of one that is mostly
work, without which the time of what lies beyond would be a guess."""
_CONTENTION = tuple(
    found
    for edge, added, single in ((512, 20, 12), (64, 12, 4), (1024, 22, 16), (256, 16, 8), (2048, 24, 20))
    for found in (
        case("MatMul", (edge, edge), (edge, edge)),
        case("Add", shape_of(added), shape_of(added)),
        case("Relu", shape_of(single)),
    )
)
"""What siblings do at once: products, sums that memory bounds, and Relu, of which most sizes are done once they are
launched. Each from a small size to a large one, those in the middle first."""
_QUICK_CONTENTION = 12
"""How many of them a quick calibration asks for: all but the largest."""
_REGION_BYTES_PER_S = 64 * MiB
"""So much memory for each second of a quick calibration: to fill it takes a part of the time."""
_COPY_SIZES = (1, *(2**exponent for exponent in range(8, 31, 2)))


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured within a hard limit of `budget_s` seconds.

    `operations` are measured in order until the time is up. `chains` are the lengths of the two chains of small
    operations that tell what `execute` takes for each task. `region_bytes` is the most memory that is asked for on each
    device.
    """

    operations: Sequence[Case]
    copy_sizes: Sequence[int] = _COPY_SIZES
    contention: Sequence[Case] = ()
    siblings: Sequence[int] = (2, 4)
    chains: tuple[int, int] = (20, 120)
    budget_s: float = FULL_BUDGET_S
    region_bytes: int = 4 * GiB


def default_plan(*, quick: bool = False, budget_s: float | None = None, seed: int = 0) -> Plan:
    """Return the plan for a whole device, or with `quick` a rough one. The seed draws sizes and shuffles each tier."""
    plan = Plan(
        operations=ordered(with_skeleton(all_cases(seed)), seed),
        contention=_CONTENTION,
        budget_s=FULL_BUDGET_S if budget_s is None else budget_s,
    )
    if not quick:
        return plan
    sizes = tuple(size for size in _COPY_SIZES if size <= 64 * MiB)
    budget_s = QUICK_BUDGET_S if budget_s is None else budget_s
    region_bytes = min(512 * MiB, int(budget_s * _REGION_BYTES_PER_S))
    siblings_do = plan.contention[:_QUICK_CONTENTION]
    return replace(
        plan,
        budget_s=budget_s,
        copy_sizes=sizes,
        contention=siblings_do,
        chains=(10, 40),
        region_bytes=region_bytes,
    )


NOT_MEASURED = {
    "Input": "the caller gives its values before a program runs",
    "Variable": "it is filled before a program runs",
    "Profiled": "its duration is given with it",
    "StringLength": "strings lie in the memory of CPUs alone, and how long they are no shape tells",
}
"""Operation types that have no case, and why."""


def all_cases(seed: int) -> list[Case]:
    """Return every case, in no order that matters."""
    products, convolutions = (np.random.default_rng([seed, number]) for number in range(2))
    cases = chain(
        element_cases(),
        moving_cases(),
        summing_cases(),
        pooling_cases(),
        cases_of((*plan_networks.ROWS, *plan_array_api.ROWS, *plan_linalg.ROWS)),
        dynamic_cases(),
        product_cases(products),
        convolution_cases(convolutions),
        _on_the_host(),
    )
    return list(cases)


def _on_the_host() -> Iterable[Case]:
    """Yield what is left to the CPU when an operation on integers has no kernel on a GPU."""
    for dtype in ("int64", "int32", "float32"):
        for exponent in (0, 6, 12, 18):
            shape = shape_of(exponent)
            yield replace(case("Add", shape, shape, dtype=dtype), tier=1, kind="CPU")
            yield replace(case("Mul", shape, shape, dtype=dtype), tier=2, kind="CPU")
            yield replace(case("Identity", shape, dtype=dtype), tier=1, kind="CPU")
            yield replace(case("Concat", shape, shape, dtype=dtype, axis=0), tier=2, kind="CPU")
    for exponent in (0, 6, 12, 18):
        spec = TensorSpec(shape_of(exponent), "int64")
        yield Case("Cast", (spec,), {"dtype": "float32"}, 2, "CPU")
        yield Case("Shape", (spec,), {}, 2, "CPU")


def with_skeleton(cases: Sequence[Case]) -> list[Case]:
    """Return cases of which each type has some in tier 0: where it has none, a small one goes there, and a large one.

    So does a large one where all of a type in tier 0 are small.
    """
    begun, others = set[str](), dict[str, list[Case]]()
    large = {found.type for found in cases if found.tier == 0 and found.work.bytes >= _LARGE_BYTES // 4}
    for found in cases:
        if found.tier == 0:
            begun.add(found.type)
        elif found.kind == "GPU":
            others.setdefault(found.type, []).append(found)
    wanted = [(_SMALL_BYTES, begun), (_LARGE_BYTES, large)]
    first = [_nearest(group, size) for size, there in wanted for type, group in others.items() if type not in there]
    return [*cases, *(replace(found, tier=0) for found in first)]


def _nearest(cases: Iterable[Case], size: int) -> Case:
    return min(cases, key=lambda found: abs(found.work.bytes - size))


def ordered(cases: Iterable[Case], seed: int) -> tuple[Case, ...]:
    """Return cases by tier, and in each tier so that any beginning of it has some of every type.

    Which come first of a type is drawn from the seed. Types that have more to tell come more often, and functions of
    the array API standard after the first turns of what networks use.
    """
    listed = list({_identity(found): found for found in sorted(cases, key=lambda found: -found.tier)}.values())
    draws = np.random.default_rng([seed, 2]).permutation(len(listed))
    shuffled = [listed[number] for number in draws]
    seen: Counter[tuple[int, str]] = Counter()
    rounds: list[tuple[int, float]] = []
    for found in shuffled:
        turn = seen[found.tier, found.type] / _OFTEN.get(found.type, 1)
        rounds.append((found.tier, turn + _turns_before(found)))
        seen[found.tier, found.type] += 1
    return tuple(shuffled[number] for number in sorted(range(len(listed)), key=rounds.__getitem__))


def _turns_before(found: Case) -> int:
    """Return how many turns of others come before a case: more before the large ones of the first tier."""
    if found.type[0].isupper():
        return 0
    is_large = found.tier == 0 and found.work.bytes >= _LARGE_BYTES // 4
    return 2 * _TURNS_BEFORE if is_large else _TURNS_BEFORE


def _identity(found: Case) -> tuple[object, ...]:
    """Return what two cases share that are the same measurement, whatever their tiers."""
    return found.type, found.inputs, repr(sorted(found.attributes.items())), found.kind
