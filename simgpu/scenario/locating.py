"""Where in a scenario's file the fault lies that only placing its work shows."""

from __future__ import annotations

from simgpu.errors import PlacementError
from simgpu.machine.refusal import Path, show_path
from simgpu.scenario.inline import InlineGraph
from simgpu.scenario.scenario import Scenario
from simgpu.scenario.yaml_file import Document


def located(error: PlacementError, scenario: Scenario, document: Document) -> PlacementError:
    """Return the error with file, line, column and key of the rule or the request that cannot be met."""
    path = _path(error, scenario)
    while path and path not in document.values:
        path = path[:-1]
    mark = document.mark(path)
    where = f"{document.name}:{mark.line}:{mark.column}: {show_path(path)}{': ' if path else ''}"
    return PlacementError(f"{where}{error}", operation=error.operation, rule=error.rule)


def _path(error: PlacementError, scenario: Scenario) -> Path:
    if error.rule is not None:
        return ("placement", "rules", error.rule, "match" if error.operation is None else "device")
    if not isinstance(scenario.model, InlineGraph):
        return ("placement",)
    names = [operation.name for operation in scenario.model.operations]
    if error.operation not in names:
        return ("placement",)
    position = names.index(error.operation)
    key = "device" if scenario.model.operations[position].device else "colocate_with"
    return ("graph", "operations", position, key)
