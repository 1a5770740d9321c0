"""What is asked for each debt of a run must not read all of a large table, on both databases."""

from __future__ import annotations

from types import ModuleType

import pytest
from sqlalchemy import Connection, Executable, text

from splynx_stripe.store import charge_item_rows as items, collection_rows as collections
from splynx_stripe.store.engine import parse_url, writer_engine

_ASKED_FOR_EACH_DEBT: dict[str, tuple[ModuleType, dict[str, object]]] = {
    "_PLANNED_FOR": (items, {"run": "r", "customer": 1, "currency": "EUR"}),
    "_RECENT": (items, {"customer": 1, "since": "2026", "besides_run": "r"}),
    "_LINK": (items, {"payable_key": "k"}),
    "_LAST_FAILURE": (items, {"customer": 1, "credential": "c"}),
    "_ANY_CREDENTIAL": (items, {"customer": 1}),
    "_WAITING_BOOKINGS": (items, {"limit": 9}),
    "_LATEST": (collections, {"payable_key": "k"}),
    "_OF_ORIGIN": (collections, {"origin": "o"}),
    "_ON_ITS_WAY": (collections, {"customer_id": 1, "currency": "EUR"}),
}
_INDEX_OF = {
    "_PLANNED_FOR": "ix_charge_run_items_owner",
    "_RECENT": "ix_charge_run_items_customer",
    "_LINK": "uq_charge_run_items_link",
    "_LAST_FAILURE": "ix_collections_customer",
    "_ANY_CREDENTIAL": "ix_credentials_owner",
    "_WAITING_BOOKINGS": "ix_effects_kind",
    "_LATEST": "ix_collections_payable",
    "_OF_ORIGIN": "ix_collections_origin",
    "_ON_ITS_WAY": "ix_collections_customer",
}


@pytest.mark.parametrize("name", _ASKED_FOR_EACH_DEBT)
def test_a_question_about_one_debt_is_answered_by_an_index(store_url: str, name: str) -> None:
    module, values = _ASKED_FOR_EACH_DEBT[name]
    engine = writer_engine(parse_url(store_url))
    try:
        with engine.begin() as connection:
            plan = _plan(connection, getattr(module, name), values)
    finally:
        engine.dispose()

    assert _INDEX_OF[name] in plan
    assert "Seq Scan" not in plan
    assert "SCAN attempts" not in plan


def _plan(connection: Connection, statement: Executable, values: dict[str, object]) -> str:
    """Gives how the database would answer; PostgreSQL is kept from reading small tables whole."""
    explain = "EXPLAIN QUERY PLAN"
    if connection.dialect.name == "postgresql":
        explain = "EXPLAIN"
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        connection.execute(text("SET LOCAL enable_bitmapscan = off"))
    compiled = statement.compile(dialect=connection.dialect)  # type: ignore[attr-defined]
    given = compiled.construct_params(values)
    if compiled.positional:
        rows = connection.exec_driver_sql(
            f"{explain} {compiled}", tuple(given[key] for key in compiled.positiontup)
        )
    else:
        rows = connection.exec_driver_sql(f"{explain} {compiled}", given)
    return "\n".join(str(row[-1]) for row in rows)
