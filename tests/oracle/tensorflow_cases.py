"""Run a file of recorded TensorFlow cases: `python -m tests.oracle.tensorflow_cases FILE`.

Prints each failure, then what is skipped, then `N passed, N deviating, N failed`. The exit status is 1 if a case
failed, and 2 if the file cannot be read.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.oracle import device_names, gpu_kernels, tensorflow_graphs, tensorflow_partitions, tensorflow_programs
from tests.oracle.deviations import judge, judge_program

Case = Mapping[str, Any]
Runner = Callable[[Case], tuple[str, str]]

SHOWN = 300
"""How many characters of a reason are printed."""


def runner_for(case: Case) -> Runner | None:
    """Return what runs a case, by its group or by the form of its input; None for what is not built yet."""
    given, expected = case["input"], case["expect"]
    if case.get("group") in device_names.RUNNERS:
        return device_names.run_case
    if case.get("group") in tensorflow_programs.RUNNERS:
        return tensorflow_programs.run_case
    if case.get("group") == "partition":
        return tensorflow_partitions.run_case
    if "nodes" in given:
        return tensorflow_graphs.run_case
    if "op" in given and "placement" in expected:
        return gpu_kernels.run_case
    return None


def run_case(case: Case) -> tuple[str, str]:
    """Return `passed`, `deviating`, `failed` or `skipped`, and the reason."""
    runner = runner_for(case)
    if runner is None:
        return "skipped", f"group {case.get('group')}"
    try:
        verdict = runner(case)
    except Exception as error:  # whatever breaks one case, the others still run
        verdict = "failed", f"{type(error).__name__}: {error}"
    return judge(case["id"], judge_program(case, verdict))


def run_cases(cases: Sequence[Case]) -> tuple[list[str], int]:
    """Return the lines to print, and the number of failures."""
    lines: list[str] = []
    counts: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    for case in cases:
        verdict, reason = run_case(case)
        counts[verdict] += 1
        if verdict == "skipped":
            skipped[reason] += 1
        elif verdict != "passed":
            lines.append(f"{verdict}: {case['id']}: {reason[:SHOWN]}")
    lines += [f"skipped: not built yet: {reason}, {count} cases" for reason, count in skipped.items()]
    lines.append(f"{counts['passed']} passed, {counts['deviating']} deviating, {counts['failed']} failed")
    return lines, counts["failed"]


def read_cases(path: Path) -> Sequence[Case]:
    """Return the cases of a file: a list, or a mapping with `cases`."""
    content = json.loads(path.read_text(encoding="utf-8"))
    cases: list[Case] = content if isinstance(content, list) else content["cases"]
    for case in cases:
        if not {"id", "input", "expect"} <= set(case):
            raise ValueError(f"a case has id, input and expect; this one has not: {str(case)[:80]}")
    return cases


def main(arguments: Sequence[str]) -> int:
    """Run the files named on the command line."""
    if not arguments:
        sys.stderr.write("usage: python -m tests.oracle.tensorflow_cases FILE...\n")
        return 2
    try:
        cases = [case for name in arguments for case in read_cases(Path(name))]
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.stderr.write(f"cannot read cases from {', '.join(arguments)}: {error!r}\n")
        return 2
    lines, failures = run_cases(cases)
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
