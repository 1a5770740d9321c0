"""Sealing: what the database keeps of bank accounts and secrets."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from splynx_stripe.kit.sealing import SealedValueError, Sealer, SealingKeyError, new_key_line
from splynx_stripe.kit.secret import Secret

OLD, NEW = new_key_line("2026-a"), new_key_line("2026-b")


def sealer(*lines: str) -> Sealer:
    return Sealer(Secret("\n".join(lines)))


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_what_was_sealed_opens_at_its_place_and_does_not_show(value: str) -> None:
    keys = sealer(OLD)

    sealed = keys.seal(value, "credentials/cred_1")

    assert keys.open(sealed, "credentials/cred_1") == value
    assert len(value) < 4 or value not in sealed


def test_the_same_value_never_looks_the_same_twice() -> None:
    keys = sealer(OLD)

    assert keys.seal("6789", "x") != keys.seal("6789", "x")


def test_a_value_that_was_moved_to_another_row_does_not_open() -> None:
    keys = sealer(OLD)

    with pytest.raises(SealedValueError, match="changed or moved"):
        keys.open(keys.seal("6789", "credentials/cred_1"), "credentials/cred_2")


@pytest.mark.parametrize("change", ["", "v1:2026-a:", "v1:2026-a:%%%", "v2:2026-a:AAAA"])
def test_a_changed_value_does_not_open_and_the_error_shows_nothing(change: str) -> None:
    with pytest.raises(SealedValueError) as caught:
        sealer(OLD).open(change, "x")

    assert OLD.partition(":")[2] not in str(caught.value)


def test_a_new_key_seals_while_the_old_one_still_opens() -> None:
    before = sealer(OLD)
    sealed = before.seal("6789", "x")

    after = sealer(NEW, OLD)

    assert after.open(sealed, "x") == "6789"
    assert not after.is_of_newest(sealed)
    assert after.is_of_newest(after.seal("6789", "x"))
    assert after.newest_key == "2026-b"


def test_a_value_whose_key_is_gone_says_which_key_is_missing() -> None:
    sealed = sealer(OLD).seal("6789", "x")

    with pytest.raises(SealedValueError, match="2026-a"):
        sealer(NEW).open(sealed, "x")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no key"),
        ("# only a comment\n", "no key"),
        ("a:abc", "Line 1"),
        (f"{OLD}\n{OLD}", "repeats"),
        (f"{OLD}\nnonsense", "Line 2"),
    ],
    ids=["empty", "comment", "short", "repeated", "nonsense"],
)
def test_a_key_file_that_is_none_is_refused_with_its_line(text: str, complaint: str) -> None:
    with pytest.raises(SealingKeyError, match=complaint):
        Sealer(Secret(text))
