"""How values become columns, where no database is needed to see it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, strategies as st
from sqlalchemy.dialects.sqlite.base import SQLiteDialect

from splynx_stripe.store.columns import Prose, StringMap, UtcMoment
from splynx_stripe.store.engine import parse_url

DIALECT = SQLiteDialect()


def test_a_moment_is_kept_in_utc_with_all_its_microseconds_and_a_fixed_width() -> None:
    prague = timezone(timedelta(hours=1))
    moment = datetime(2026, 11, 24, 14, 25, 47, tzinfo=prague)

    text = UtcMoment().process_bind_param(moment, DIALECT)

    assert text == "2026-11-24T13:25:47.000000Z"
    assert UtcMoment().process_result_value(text, DIALECT) == moment


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        UtcMoment().process_bind_param(datetime(2026, 11, 24), DIALECT)  # noqa: DTZ001 - on purpose


@given(st.lists(st.datetimes(timezones=st.just(UTC)), min_size=2))
def test_moments_sort_as_text(moments: list[datetime]) -> None:
    texts = [UtcMoment().process_bind_param(moment, DIALECT) or "" for moment in moments]

    assert [UtcMoment().process_result_value(text, DIALECT) for text in sorted(texts)] == sorted(
        moments
    )


whole_characters = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(whole_characters, whole_characters))
def test_a_map_holds_every_character(facts: dict[str, str]) -> None:
    text = StringMap().process_bind_param(facts, DIALECT)

    assert text.isascii()
    assert StringMap().process_result_value(text, DIALECT) == facts


@given(st.text(st.characters()))
def test_prose_of_others_is_always_storable(words: str) -> None:
    text = Prose().process_bind_param(words, DIALECT)

    assert text is not None
    assert "\x00" not in text
    assert text.encode("utf-8").decode("utf-8") == text


def test_prose_that_can_be_stored_is_stored_as_it_is() -> None:
    assert Prose().process_bind_param("Platba č. 7 \N{MONEY BAG}", DIALECT) == (
        "Platba č. 7 \N{MONEY BAG}"
    )
    assert Prose().process_bind_param("a\x00b\ud800", DIALECT) == "a\ufffdb\ufffd"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://isp@db/splynx",
        "postgres://isp@db/splynx",
        "postgresql+psycopg://isp@db/splynx",
    ],
)
def test_every_usual_way_to_write_postgresql_means_the_driver_that_we_ship(url: str) -> None:
    assert parse_url(url).drivername == "postgresql+psycopg"


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://isp:hidden@db/splynx"])
def test_another_database_is_refused_without_showing_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="cannot be used as a database") as caught:
        parse_url(url)

    assert "hidden" not in str(caught.value)
