"""The Connect platform in the settings: complete, of one mode, and never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from splynx_stripe.config import ConfigError, Settings, load_settings


def loaded(folder: Path, stripe: str, **files: str) -> Settings:
    for name, text in files.items():
        file = folder / f"{name}.secret"
        file.touch(mode=0o600)
        file.write_text(text, encoding="utf-8")
    (folder / "config.yaml").write_text(f"stripe: {{{stripe}}}\n", encoding="utf-8")
    return load_settings(folder / "config.yaml", credentials_dir=None)


def problems(folder: Path, stripe: str, **files: str) -> str:
    with pytest.raises(ConfigError) as refused:
        loaded(folder, stripe, **files)
    return "\n".join(str(problem) for problem in refused.value.problems)


def test_a_platform_has_the_mode_of_its_key(tmp_path: Path) -> None:
    both = (
        "connect_client_id: ca_A, platform_secret_key_file: live.secret,"
        " connect_test_client_id: ca_B, platform_test_secret_key_file: test.secret"
    )
    settings = loaded(tmp_path, both, live="sk_live_1", test="sk_test_1")

    assert {mode: it.client_id for mode, it in settings.platforms.items()} == {
        True: "ca_A",
        False: "ca_B",
    }
    assert "sk_" not in repr(settings.platforms)


def test_an_installation_may_have_a_test_platform_only(tmp_path: Path) -> None:
    alone = "connect_client_id: ca_A, platform_secret_key_file: test.secret"

    assert list(loaded(tmp_path, alone, test="sk_test_1").platforms) == [False]


@pytest.mark.parametrize(
    ("stripe", "said"),
    [
        ("connect_client_id: ca_A", "there is no platform_secret_key_file beside it"),
        ("platform_secret_key_file: a.secret", "there is no connect_client_id beside it"),
        (
            "connect_client_id: ca_A, platform_secret_key_file: b.secret",
            "does not hold the secret key of a platform",
        ),
        (
            (
                "connect_client_id: ca_A, platform_secret_key_file: a.secret,"
                " connect_test_client_id: ca_B, platform_test_secret_key_file: a.secret"
            ),
            "holds a key of the wrong mode",
        ),
        ("connect_client_id: acct_1, platform_secret_key_file: a.secret", "right form"),
    ],
)
def test_half_a_platform_is_a_mistake_with_its_place(
    tmp_path: Path, stripe: str, said: str
) -> None:
    told = problems(tmp_path, stripe, a="sk_live_secretsecret", b="rk_live_secretsecret")

    assert said in told
    assert "config.yaml:1: stripe." in told
    assert "secretsecret" not in told
