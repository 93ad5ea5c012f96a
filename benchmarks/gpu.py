"""What simgpu costs on one device, beside the same array module without it: `python -m benchmarks.gpu OUT.json`.

On a card it is CuPy; `--storage numpy` rehearses it with NumPy. `benchmarks.plain` says what plain is. The figures are
written as they come. The exit status is 1 where overheads exceed the limits given, where a steady state takes memory or
waits for the card, and where the storage cannot be used: without any card it is 0 only with `--rehearse`.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

from benchmarks.measuring import Figure
from benchmarks.needs import seen_card
from benchmarks.network import OVER_PLAIN, network
from benchmarks.plain import Peer, peer_of
from benchmarks.small import OVERHEAD, small

PLAIN = "plain: the module's own arrays, pool and stream; kernels are the same functions, called in a loop"
NOT_GOOD_ENOUGH = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table, write a file; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("out", type=Path, help="where the figures go, as JSON")
    parser.add_argument("--storage", choices=("cupy", "numpy"), default="cupy")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, batch 1")
    parser.add_argument("--most-slowdown", type=float, metavar="PERCENT", help="fail if a model takes longer by more")
    parser.add_argument(
        "--most-overhead", type=float, metavar="US", help="fail if a small operation takes longer by more"
    )
    parser.add_argument("--rehearse", action="store_true", help="do without a card where there is none")
    choice = parser.parse_args(arguments)
    peer = peer_of(choice.storage)
    if isinstance(peer, str):
        return _unusable(peer, choice.out, may_skip=choice.rehearse)
    print(f"on {peer.device}, {peer.storage} storage; {PLAIN}")
    found = _measured(peer, choice.out, quick=choice.quick)
    complaints = [*exceeded(found, choice.most_slowdown, choice.most_overhead), *unsteady(found)]
    _write(choice.out, found, peer, complaints=complaints)
    for complaint in complaints:
        print(f"Not good enough: {complaint}.")
    return NOT_GOOD_ENOUGH if complaints else 0


def _unusable(reason: str, out: Path, *, may_skip: bool) -> int:
    """Say why nothing was measured: that is no failure where there is no card, and nobody wanted one."""
    card = seen_card()
    if card is not None:
        print(f"failed: there is a card ({card}), and it cannot be used: {reason}")
        _write_record(out, {"failed": reason, "card": card})
        return NOT_GOOD_ENOUGH
    print(f"skipped: {reason}")
    _write_record(out, {"skipped": reason})
    return 0 if may_skip else NOT_GOOD_ENOUGH


def _measured(peer: Peer, out: Path, *, quick: bool) -> list[Figure]:
    """Return all figures. Each is printed when it is there, and written with those before it."""
    found: list[Figure] = []
    for figure in chain(small(peer, quick=quick), network(peer, quick=quick)):
        print(f"{figure.what:<72} {figure.value:>12,.3f} {figure.unit}", flush=True)
        found.append(figure)
        _write(out, found, peer, complaints=None)
    return found


def exceeded(figures: Sequence[Figure], slowdown_percent: float | None, overhead_us: float | None) -> Iterator[str]:
    """Say which limits the figures exceed. None is no limit."""
    for figure in figures:
        if slowdown_percent is not None and figure.what.endswith(OVER_PLAIN):
            percent = 100 * (figure.value - 1)
            if percent > slowdown_percent:
                yield f"{figure.what}: {percent:.1f} % longer, the limit is {slowdown_percent:g} %"
        if overhead_us is not None and figure.what.endswith(OVERHEAD) and figure.value > overhead_us:
            yield f"{figure.what}: {figure.value:.1f} us, the limit is {overhead_us:g} us"


def unsteady(figures: Sequence[Figure]) -> Iterator[str]:
    """Say where operations that had run before took memory or waited."""
    for figure in figures:
        for what in figure.details.get("unsteady", ()):
            yield f"{figure.what}: operations that had run before made {what}"
        if figure.details.get("has_always_waited"):
            yield f"{figure.what}: the card went on before all was launched, as if the host had waited for it"


def _write(path: Path, found: Sequence[Figure], peer: Peer, *, complaints: Sequence[str] | None) -> None:
    """Write what has been measured; without complaints, not even none, it is not all."""
    figures = [{**it._asdict(), "value": round(it.value, 6), "details": dict(it.details)} for it in found]
    record = {"device": peer.device, "storage": peer.storage, "plain": PLAIN, "is_complete": complaints is not None}
    _write_record(path, {**record, "figures": figures, "complaints": complaints or []}, peer)


def _write_record(path: Path, found: dict[str, Any], peer: Peer | None = None) -> None:
    record = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "system": platform.platform(),
        "versions": {"python": platform.python_version(), "numpy": version("numpy"), **(peer.versions if peer else {})},
        **found,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(record, indent=2) + "\n")
    part.replace(path)


if __name__ == "__main__":
    sys.exit(main())
