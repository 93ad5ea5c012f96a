"""What the tests of commands share: a scenario file, and a way to call a command in this process."""

from __future__ import annotations

import pytest

from simgpu import cli
from tests.unit.cli.small import SMALL


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return path


@pytest.fixture
def simgpu(capsys):
    def call(*arguments: object) -> tuple[int, str, str]:
        status = cli.main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call
