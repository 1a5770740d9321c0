"""The file with the encryption keys: found, checked, and read again when it changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from splynx_stripe.kit.sealing import SealedValueError, SealingKeyError, new_key_line
from tests.unit.config_folder import ConfigFolder

KEY_A, KEY_B = new_key_line("a"), new_key_line("b")


@pytest.fixture
def folder(tmp_path: Path) -> ConfigFolder:
    return ConfigFolder(tmp_path).write("# nothing")


def test_without_a_key_file_everything_works_but_sealing(folder: ConfigFolder) -> None:
    settings = folder.load()

    sealer = settings.key_file.sealer()

    assert settings.warnings == ()
    assert not sealer.has_key
    with pytest.raises(SealingKeyError, match="splynx-stripe encryption init"):
        sealer.seal("x", "place")
    with pytest.raises(SealingKeyError):
        sealer.open("v1:a:AAAA", "place")


def test_a_key_that_is_made_later_is_used_at_once(folder: ConfigFolder) -> None:
    sealer = folder.load().key_file.sealer()
    assert not sealer.has_key

    folder.secret("encryption.key", KEY_A)

    assert sealer.open(sealer.seal("x", "place"), "place") == "x"


def test_a_new_first_key_seals_at_once_and_the_old_one_still_opens(folder: ConfigFolder) -> None:
    folder.secret("encryption.key", KEY_A)
    sealer = folder.load().key_file.sealer()
    old = sealer.seal("x", "place")

    folder.secret("encryption.key", f"{KEY_B}\n{KEY_A}")

    assert sealer.keys == ("b", "a")
    assert sealer.newest_key == "b"
    assert sealer.open(old, "place") == "x"
    assert not sealer.is_of_newest(old)


def test_a_file_that_is_broken_while_it_is_edited_disturbs_nobody(folder: ConfigFolder) -> None:
    folder.secret("encryption.key", KEY_A)
    sealer = folder.load().key_file.sealer()
    sealed = sealer.seal("x", "place")

    folder.secret("encryption.key", "half a li")
    assert sealer.open(sealed, "place") == "x"
    (folder.path / "encryption.key").unlink()
    assert sealer.open(sealed, "place") == "x"


def test_a_removed_key_opens_nothing_any_more(folder: ConfigFolder) -> None:
    folder.secret("encryption.key", KEY_A)
    sealer = folder.load().key_file.sealer()
    sealed = sealer.seal("x", "place")

    folder.secret("encryption.key", KEY_B)

    with pytest.raises(SealedValueError, match="'a', which is not in the key file"):
        sealer.open(sealed, "place")


@pytest.mark.parametrize("content", ["nonsense", "a:12", f"{KEY_A}\n{KEY_A}"])
def test_a_file_that_holds_no_keys_is_a_problem_that_shows_nothing_of_it(
    folder: ConfigFolder, content: str
) -> None:
    folder.secret("encryption.key", content)

    [problem] = folder.problems()

    assert "database.encryption_key_file" in problem
    assert KEY_A.partition(":")[2] not in problem


def test_a_key_file_that_is_named_must_be_there(folder: ConfigFolder) -> None:
    folder.write("database: {encryption_key_file: elsewhere.key}")

    [problem] = folder.problems()

    assert problem.startswith("config.yaml:1: database.encryption_key_file: there is no file")


def test_a_key_file_that_others_can_read_is_warned_of(folder: ConfigFolder) -> None:
    folder.secret("encryption.key", KEY_A, mode=0o644)

    [warning] = folder.load().warnings

    assert "chmod o-rwx,g-wx" in str(warning)


def test_a_systemd_credential_is_taken_first(folder: ConfigFolder, tmp_path: Path) -> None:
    credentials = tmp_path / "given"
    credentials.mkdir()
    ConfigFolder(credentials).secret("encryption.key", KEY_B)
    folder.secret("encryption.key", KEY_A)

    assert folder.load(credentials).key_file.sealer().newest_key == "b"
