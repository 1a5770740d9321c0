"""The office's pages of charge runs before the real flows, with a small Splynx and a small Stripe."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from splynx_stripe.domain.charge_run import ChargeRun
from splynx_stripe.domain.guardrails import Guardrails
from splynx_stripe.domain.splynx import Viewer
from splynx_stripe.flows.operations import Operations
from splynx_stripe.web.admin.guard import FORM_TOKEN
from splynx_stripe.web.charge_desk import ChargeDesk, FilterNames
from splynx_stripe.web.deps import WebDeps
from tests.integration.charge_run_house import ChargeRunHouse, open_runs
from tests.integration.flow_town import Town
from tests.integration.web_stage import OLGA, PAUL, Answer, Stage, open_stage

OTTO = "ottossessionottossessionotto"
"""Another administrator who may see all partners."""
NOBODY = "nobodyssessionnobodyssession"
"""An administrator of whom Splynx does not tell who it is."""
FORM, RUNS = "/stripe/admin/charge", "/stripe/admin/runs"


@dataclass
class FixedNames:
    """Splynx's names, as a test wants them."""

    known: FilterNames

    async def names(self) -> FilterNames:
        return self.known


@dataclass
class ChargeStage:
    """The pages, and what stands behind them."""

    stage: Stage
    house: ChargeRunHouse
    names: FixedNames

    async def shows(self, path: str, session: str = OLGA) -> Answer:
        """Opens a page."""
        return await self.stage.page(path, session=session)

    async def sends(
        self, path: str, fields: Mapping[str, str] | None = None, session: str = OLGA
    ) -> Answer:
        """Sends a form of ours, with the token of the session."""
        home = await self.shows(FORM, session)
        token = next(
            one["value"] for one in home.document.all("input") if one.get("name") == FORM_TOKEN
        )
        data = {FORM_TOKEN: token, **(fields or {})}
        headers = {"Cookie": f"PHPSESSID={session}"}
        async with self.stage.client.post(
            path, data=data, headers=headers, allow_redirects=False
        ) as answer:
            return Answer(answer.status, await answer.text(), dict(answer.headers))

    async def follows(self, answer: Answer, session: str = OLGA) -> Answer:
        """Goes where an answer leads."""
        assert answer.status == 303, answer.text
        return await self.shows(answer.headers["Location"], session)

    async def begins(
        self, fields: Mapping[str, str] | None = None, session: str = OLGA
    ) -> ChargeRun:
        """Presses Preview and gives the run that it led to, not planned yet."""
        answer = await self.sends(f"{FORM}/plan", {"kind": "invoices", **(fields or {})}, session)
        assert answer.status == 303, answer.text
        run_id = answer.headers["Location"].partition(f"{RUNS}/")[2].partition("?")[0]
        return (await self.house.view(run_id)).run

    async def plans(
        self, fields: Mapping[str, str] | None = None, session: str = OLGA
    ) -> ChargeRun:
        """Presses Preview and waits for the plan."""
        run = await self.begins(fields, session)
        await self.house.engine.tick()
        return (await self.house.view(run.id)).run

    async def works(self) -> None:
        """Lets the engine charge, and all that follows happen."""
        await self.house.engine.tick()
        await self.house.charges.house.pump.drain()

    async def acts(self, run: ChargeRun, action: str, session: str = OLGA) -> Answer:
        """Presses a button of a run and says yes to the question."""
        return await self.sends(f"{RUNS}/{run.id}/{action}", {"confirmed": "yes"}, session)

    def guard(self, **rails: object) -> None:
        """Sets guardrails of partner 1."""
        terms = self.house.charges.house.terms
        guardrails = Guardrails(**rails)  # type: ignore[arg-type]  # named like its fields
        terms.by_partner[1] = replace(terms.by_partner[1], guardrails=guardrails)


@asynccontextmanager
async def open_charge_stage(town: Town, store_url: str) -> AsyncIterator[ChargeStage]:
    """Opens the pages on a migrated database."""
    async with open_runs(town, store_url) as house:
        names = FixedNames(
            FilterNames(
                partners={1: "Main", 2: "Kaze Net"},
                locations={1: "Prague", 2: "Osaka"},
                payment_methods={1: "Cash", 2: "Bank transfer"},
            )
        )
        store = house.charges.house.store

        def whole(deps: WebDeps) -> WebDeps:
            return replace(
                deps,
                clock=town.clock,
                operations=Operations(store),
                charging=lambda: ChargeDesk(house.runs, names),
            )

        async with open_stage(whole) as stage:
            stage.viewers.sessions |= {
                OTTO: Viewer(administrator_id=9),
                NOBODY: Viewer(administrator_id=0),
            }
            assert stage.viewers.sessions[PAUL].partner_id == 2
            yield ChargeStage(stage, house, names)
