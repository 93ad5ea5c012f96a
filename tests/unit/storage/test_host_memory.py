"""How much memory this computer has left, from files as Linux has them."""

from __future__ import annotations

import pytest

from simgpu.storage import available_host_bytes

MEMORY = {"proc/meminfo": "MemTotal: 8000 kB\nMemFree: 10 kB\nMemAvailable: 4000 kB\n"}


def system(tmp_path, files: dict[str, str]):
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def group(folder: str, limit: str, usage: str, reclaimable: str = "inactive_file 0") -> dict[str, str]:
    return {f"{folder}/memory.max": limit, f"{folder}/memory.current": usage, f"{folder}/memory.stat": reclaimable}


def old_group(folder: str, limit: str, usage: str) -> dict[str, str]:
    return {f"{folder}/memory.limit_in_bytes": limit, f"{folder}/memory.usage_in_bytes": usage}


def test_files_that_can_be_dropped_count_as_available(tmp_path):
    assert available_host_bytes(system(tmp_path, MEMORY)) == 4000 * 1024


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"proc/self/cgroup": "0::/a/b", **group("sys/fs/cgroup/a/b", "1000000", "400000")}, 600_000),
        ({"proc/self/cgroup": "0::/a/b", **group("sys/fs/cgroup/a", "900000", "400000")}, 500_000),
        ({"proc/self/cgroup": "0::/", **group("sys/fs/cgroup", "max", "400000")}, 4000 * 1024),
        (
            {"proc/self/cgroup": "0::/", **group("sys/fs/cgroup", "900000", "900000", "anon 7\ninactive_file 300\n")},
            300,
        ),
        ({"proc/self/cgroup": "0::/", **group("sys/fs/cgroup", "900000", "950000")}, 0),
        ({"proc/self/cgroup": "4:memory:/x\n0::/", **old_group("sys/fs/cgroup/memory/x", "5000", "2000")}, 3000),
        ({"proc/self/cgroup": "4:memory:/gone\n", **old_group("sys/fs/cgroup/memory", "5000", "2000")}, 3000),
    ],
)
def test_the_tightest_control_group_counts(tmp_path, files, expected):
    assert available_host_bytes(system(tmp_path, {**MEMORY, **files})) == expected


def test_without_linux_files_the_free_pages_count(tmp_path, monkeypatch):
    monkeypatch.setattr("os.sysconf", {"SC_AVPHYS_PAGES": 10, "SC_PAGE_SIZE": 4096}.__getitem__, raising=False)

    assert available_host_bytes(tmp_path) == 40960


def test_a_system_that_does_not_say_is_not_guessed_at(tmp_path, monkeypatch):
    def unknown(name: str) -> int:
        raise ValueError(name)

    monkeypatch.setattr("os.sysconf", unknown, raising=False)

    assert available_host_bytes(tmp_path) is None


def test_this_computer_has_some_memory_left():
    assert available_host_bytes() > 0
