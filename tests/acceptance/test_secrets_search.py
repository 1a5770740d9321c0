"""The search for secrets can fail, and what it says does not repeat them (I12)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.secrets_search import SecretsSearch


@pytest.mark.parametrize(
    "leak",
    [
        "secret=pi_3Abc_secret_" + "cOdTeFgTyl9NryI1fqRAc",
        "key=sk_test_" + "sandbox_default",
        "key=whsec_" + "cOdTeFgTyl9",
        "card 4242" + "424242424242 was declined",
        "GET /api?access_token=" + "0123456789abcdef",
        "cookie PHPSESSID=a-session-of-this-run",
    ],
)
def test_a_secret_in_a_file_is_found_and_not_repeated(tmp_path: Path, leak: str) -> None:
    file = tmp_path / "daemon.txt"
    file.write_text(f"a line\n{leak}\n")

    found = SecretsSearch({"a-session-of-this-run"}).found_in([file])

    assert len(found) == 1
    assert found[0].startswith("daemon.txt: ")
    assert leak not in found[0]


def test_what_the_daemon_normally_prints_is_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "daemon.txt"
    file.write_text("info attempt=att_01 intent=pi_3Abc key=*** pi_3Abc_secret_*** duration_ms=3\n")

    assert SecretsSearch({"a-session-of-this-run"}).found_in([file]) == []
