from __future__ import annotations

import ast
from pathlib import Path

import pytest

import simgpu
from simgpu.cli.version import installed_version


def test_every_public_name_can_be_used():
    assert [name for name in simgpu.__all__ if getattr(simgpu, name, None) is None] == []


def test_type_checkers_and_programs_find_the_same_names_in_the_same_places():
    tree = ast.parse(Path(simgpu.__file__).read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen_by_checkers = {
        alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }

    assert seen_by_checkers == simgpu._HOME_OF
    assert seen_by_checkers.keys() <= set(simgpu.__all__)


def test_every_error_is_public():
    errors = {
        name
        for name, value in vars(simgpu.errors).items()
        if isinstance(value, type) and value.__module__ == "simgpu.errors"
    }

    assert errors <= set(simgpu.__all__)


def test_all_public_names_are_listed():
    assert set(simgpu.__all__) <= set(dir(simgpu))


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"^module 'simgpu' has no attribute 'nothing'$"):
        _ = simgpu.nothing


def test_the_version_is_that_of_the_installed_package_or_says_that_it_is_unknown(monkeypatch):
    assert simgpu.__version__ == installed_version()

    monkeypatch.setattr("simgpu.cli.version.version", fail)
    assert installed_version() == "0+unknown"


def fail(name: str) -> str:
    from importlib.metadata import PackageNotFoundError

    raise PackageNotFoundError(name)
