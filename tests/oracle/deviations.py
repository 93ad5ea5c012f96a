"""Where simgpu answers otherwise than a recorded case of TensorFlow, on purpose: the case's id → why."""

from __future__ import annotations

from collections.abc import Mapping

DEVIATIONS: Mapping[str, str] = {}
"""None in placement. Device names list theirs by the kind of input, in `tests.oracle.device_names`."""


def judge(case_id: str, verdict: tuple[str, str], known: Mapping[str, str] = DEVIATIONS) -> tuple[str, str]:
    """Turn the failure of a known deviation into `deviating`. One that passes is no deviation and fails."""
    if case_id not in known:
        return verdict
    if verdict[0] == "passed":
        return "failed", f"passes, but is listed as deviating: {known[case_id]}"
    return "deviating", known[case_id]
