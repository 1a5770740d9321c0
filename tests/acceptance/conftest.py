"""Towns for the acceptance tests, and the search for secrets at the end of all of them."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from splynx_stripe.domain.installation import Installation
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.migrate import migrate
from splynx_stripe.store.store import open_store
from tests.acceptance.secrets_search import SecretsSearch
from tests.acceptance.town import KEYS, SPLYNX_SECRET, PreparedStore, Town, running_town
from tests.integration.postgres_cluster import PostgresCluster, running_cluster

Adjust = Callable[[dict[str, Any]], None]


def _prepared(url: str) -> PreparedStore:
    async def installation() -> Installation:
        store = open_store(url, clock=SystemClock(), ids=RandomIds())
        try:
            return await store.read(lambda unit: unit.installation())
        finally:
            await store.close()

    migrate(url, clock=SystemClock())
    return PreparedStore(url, asyncio.run(installation()))


@pytest.fixture(scope="session")
def secrets_search() -> SecretsSearch:
    """Gives the secrets of this run; each town adds its own."""
    return SecretsSearch({SPLYNX_SECRET, KEYS.secret_key})


@pytest.fixture(scope="session")
def outputs(
    tmp_path_factory: pytest.TempPathFactory, secrets_search: SecretsSearch
) -> Iterator[Path]:
    """Gives the folder of everything the daemons print; at the end no secret may be in it."""
    folder = tmp_path_factory.mktemp("outputs")
    yield folder
    assert secrets_search.found_in(sorted(folder.iterdir())) == []


@pytest.fixture(scope="session")
def sqlite_prepared(tmp_path_factory: pytest.TempPathFactory) -> PreparedStore:
    return _prepared(f"sqlite:///{tmp_path_factory.mktemp('prepared') / 'store.db'}")


@pytest.fixture(scope="session")
def cluster() -> Iterator[PostgresCluster]:
    with running_cluster() as running:
        yield running


@pytest.fixture(scope="session")
def postgres_prepared(cluster: PostgresCluster) -> PreparedStore:
    return _prepared(cluster.url(cluster.create_database()))


@pytest.fixture
def sqlite_store(sqlite_prepared: PreparedStore, tmp_path: Path) -> PreparedStore:
    """Gives a copy of the prepared SQLite file of this test."""
    file = tmp_path / "store.db"
    shutil.copy(sqlite_prepared.url.removeprefix("sqlite:///"), file)
    return PreparedStore(f"sqlite:///{file}", sqlite_prepared.installation)


@pytest.fixture
def postgres_store(
    cluster: PostgresCluster, postgres_prepared: PreparedStore
) -> Iterator[PreparedStore]:
    """Gives a copy of the prepared PostgreSQL database of this test."""
    name = cluster.create_database(template=_database_of(postgres_prepared.url))
    yield PreparedStore(cluster.url(name), postgres_prepared.installation)
    cluster.drop_database(name)


def _database_of(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]


@pytest.fixture
def adjust() -> Adjust | None:
    """Changes the settings of the town; a module or a test overrides it."""
    return None


@pytest.fixture(
    params=[
        "sqlite_store",
        pytest.param("postgres_store", marks=pytest.mark.xdist_group("acceptance-postgres")),
    ]
)
def any_store(request: pytest.FixtureRequest) -> PreparedStore:
    """Gives a store of each kind in turn."""
    store = request.getfixturevalue(request.param)
    assert isinstance(store, PreparedStore)
    return store


@pytest.fixture
async def quiet_town(
    sqlite_store: PreparedStore,
    tmp_path: Path,
    outputs: Path,
    secrets_search: SecretsSearch,
    adjust: Adjust | None,
) -> AsyncIterator[Town]:
    """Gives a town on SQLite whose daemon is not started yet."""
    async with running_town(tmp_path, outputs, sqlite_store, adjust) as town:
        yield town
        remember_secrets(secrets_search, town)
    assert secrets_search.found_in(_database_files(tmp_path)) == []


@pytest.fixture
async def town(quiet_town: Town) -> Town:
    """Gives a town on SQLite with a running daemon."""
    await quiet_town.start()
    return quiet_town


@pytest.fixture
async def any_town(
    any_store: PreparedStore,
    tmp_path: Path,
    outputs: Path,
    secrets_search: SecretsSearch,
    adjust: Adjust | None,
) -> AsyncIterator[Town]:
    """Gives a running town on each kind of database in turn."""
    async with running_town(tmp_path, outputs, any_store, adjust) as town:
        await town.start()
        yield town
        remember_secrets(secrets_search, town)


def remember_secrets(search: SecretsSearch, town: Town) -> None:
    """Notes the secrets that exist in a town only: sessions, tokens, the webhook's secret."""
    state = town.splynx.state
    search.known |= {town.webhook_secret, *state.sessions, *state.tokens}
    search.known |= {token.refresh_token for token in state.tokens.values()}


def _database_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("store.db*"))
