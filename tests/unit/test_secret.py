"""I12: a secret shows itself only to who asks for it by name."""

from __future__ import annotations

import pickle

from splynx_stripe.kit.secret import Secret

SECRET = Secret("sk_live_abc")


def test_a_secret_prints_as_stars_however_it_is_printed() -> None:
    printed = [str(SECRET), repr(SECRET), f"{SECRET}", repr({"key": [SECRET]}), f"{SECRET!s:>5}"]

    assert not any("sk_live" in text for text in printed)


def test_a_dump_of_a_secret_holds_only_stars() -> None:
    dumped = pickle.dumps(SECRET)

    assert b"sk_live" not in dumped
    assert pickle.loads(dumped).reveal() == "***"  # noqa: S301 - our own dump


def test_secrets_are_compared_by_value_and_empty_ones_are_false() -> None:
    assert Secret("sk_live_abc") == SECRET
    assert hash(SECRET) == hash(Secret("sk_live_abc"))
    assert Secret("other") != SECRET
    assert SECRET != "sk_live_abc"
    assert SECRET
    assert not Secret("")
    assert SECRET.reveal() == "sk_live_abc"
