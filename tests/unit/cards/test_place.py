from __future__ import annotations

import os
from pathlib import Path

import pytest

from simgpu.cards import SharedCards, runtime_directory
from simgpu.errors import CardsError
from tests.unit.cards.fleet import request

NAME = "name a directory of your own with SIMGPU_RUNTIME_DIR"
WHERE = "the directory where programs share cards"


def test_what_is_given_wins_over_the_session_and_that_over_a_temporary_directory(tmp_path):
    uid = os.geteuid()

    assert runtime_directory("/given", str(tmp_path)) == Path("/given")
    assert runtime_directory("", str(tmp_path)) == tmp_path / "simgpu"
    assert runtime_directory(None, "") == runtime_directory() == Path(f"/tmp/simgpu-{uid}")


def test_a_session_that_is_not_there_or_another_users_is_not_used(tmp_path, as_ordinary_user):
    assert runtime_directory(None, "/no/such") == Path(f"/tmp/simgpu-{as_ordinary_user}")
    assert runtime_directory(None, "relative") == Path(f"/tmp/simgpu-{as_ordinary_user}")
    assert runtime_directory(None, str(tmp_path)) == Path(f"/tmp/simgpu-{as_ordinary_user}")


def test_a_relative_directory_is_refused():
    with pytest.raises(CardsError) as refused:
        runtime_directory("run")

    assert str(refused.value) == (
        "SIMGPU_RUNTIME_DIR is 'run', which means another place in each program; give an absolute path"
    )


def test_directory_and_files_are_the_users_alone_whatever_the_umask(tmp_path):
    old = os.umask(0)
    try:
        SharedCards(tmp_path / "a").claim(request())
    finally:
        os.umask(old)

    modes = {path.suffix: path.stat().st_mode & 0o777 for path in (tmp_path / "a").iterdir()}
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700
    assert modes == {".sqlite": 0o600, ".usage": 0o600}


def refusal(directory: Path) -> str:
    with pytest.raises(CardsError) as refused:
        SharedCards(directory).claim(request())
    return str(refused.value)


def test_a_directory_that_others_can_enter_is_refused(directory):
    directory.mkdir(mode=0o755)

    assert refusal(directory) == (
        f"{directory}: {WHERE} is open to other users (mode 0755); run `chmod 700 {directory}`, or {NAME}"
    )
    assert list(directory.iterdir()) == []


def test_a_directory_of_another_user_is_refused(directory, as_ordinary_user):
    directory.mkdir(mode=0o700)

    assert refusal(directory) == (
        f"{directory}: {WHERE} belongs to user {as_ordinary_user - 1}, not to user {as_ordinary_user}; {NAME}"
    )


def test_a_symbolic_link_is_refused(tmp_path, directory):
    (tmp_path / "real").mkdir(mode=0o700)
    directory.symlink_to(tmp_path / "real")

    assert refusal(directory) == f"{directory}: {WHERE} is a symbolic link; remove the link, or {NAME}"


def test_a_directory_that_cannot_be_made_is_refused(directory):
    directory.write_text("a file")

    assert refusal(directory) == f"{directory}: {WHERE} cannot be made (File exists); {NAME}"


def test_a_look_at_a_directory_that_is_not_safe_is_refused_too(directory):
    cards = SharedCards(directory)
    cards.claim(request())
    directory.chmod(0o777)

    with pytest.raises(CardsError, match="mode 0777"):
        cards.snapshot()


@pytest.mark.parametrize("ending", [".sqlite", ".usage"])
def test_files_are_not_made_through_symbolic_links(directory, tmp_path, ending):
    cards = SharedCards(directory)
    directory.mkdir(mode=0o700)
    cards.path.with_suffix(ending).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(CardsError) as refused:
        cards.claim(request())
    says = {
        ".sqlite": "the ledger of cards cannot be made (Too many levels of symbolic links)",
        ".usage": "cannot be written (Too many levels of symbolic links); is there room on its disk?",
    }
    assert str(refused.value) == f"{cards.path.with_suffix(ending)}: {says[ending]}"
    assert not (tmp_path / "elsewhere").exists()
