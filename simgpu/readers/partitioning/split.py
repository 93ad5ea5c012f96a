"""Splits of a workload over devices as JSON: the benchmark's expert placements, and what its programs print."""

from __future__ import annotations

import os
from collections.abc import Mapping

from simgpu.readers.json_file import Entry, JsonFile, in_words, read_json
from simgpu.readers.partitioning.file import Workload
from simgpu.readers.text_file import read_text


def read_split(path: str | os.PathLike[str], workload: Workload) -> Mapping[int, str]:
    """Return the device of each node: `/gpu:2` for the third of `fpgas`, `/cpu:0` for all `cpus`.

    A node that is nowhere in the file must share its color with one that is: so the split of an inference serves the
    training, too. Raises ModelFileError, with line and column.
    """
    file = read_json(read_text(path, what="a split such as resnet50_inference_expert.json"))
    devices: dict[int, str] = {}
    for key, name in (("cpus", "/cpu:0"), ("fpgas", "/gpu:{}")):
        for position, part in enumerate(file.entries(key)):
            for number in part.get("nodes", (list,)):
                _check(part, number, workload, devices)
                devices[number] = name.format(position)
    _refuse_homeless(file, workload, devices)
    return devices


def _check(part: Entry, number: object, workload: Workload, devices: Mapping[int, str]) -> None:
    if type(number) is not int or number not in workload.nodes:
        raise part.refusal(f"{workload.name} has no node {in_words(number)}; is it a split of this workload?", "nodes")
    if number in devices:
        raise part.refusal(f"node {number} is on {devices[number]} already; name it once", "nodes")


def _refuse_homeless(file: JsonFile, workload: Workload, devices: Mapping[int, str]) -> None:
    colors = {workload.nodes[number].color for number in devices} - {None}
    for number, node in workload.nodes.items():
        if number not in devices and node.color not in colors:
            raise file.file.refusal(
                0, f"node {number} of {workload.name} is on no device; is it a split of this workload?"
            )
