"""Kernels are compiled before all else where there is a card."""

from __future__ import annotations

import re

import pytest

from benchmarks import kernels

host = pytest.importorskip("tests.cupy_on_host", reason="CuPy is not installed: pip install cupy-cuda13x")


def test_a_case_of_each_kind_runs_on_a_card(monkeypatch, capsys):
    storage = host.host_storage(2**34)
    monkeypatch.setattr(kernels, "storage_named", lambda name: storage)

    assert kernels.main([]) == 0
    assert int(re.match(r"(\d+) kinds of kernels in [0-9.]+ s\n", capsys.readouterr().out)[1]) > 1000
    assert len({work.what for work in storage.driver.log}) > 1
    assert storage.driver.used_bytes == 0


def test_without_time_none_is_begun(monkeypatch, capsys):
    monkeypatch.setattr(kernels, "storage_named", lambda name: host.host_storage(2**34))
    kernels.main(["--seconds", "-1"])

    assert capsys.readouterr().out.startswith("0 kinds of kernels")


def test_on_the_cpu_there_is_nothing_to_compile(capsys):
    assert kernels.main(["--storage", "numpy"]) == 0
    assert capsys.readouterr().out == "numpy storage compiles nothing\n"
