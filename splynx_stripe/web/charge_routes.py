"""The addresses of the pages of charge runs."""

from __future__ import annotations

from aiohttp import web

from splynx_stripe.web.admin.charge import charge_page, plan_charge
from splynx_stripe.web.admin.charging import resume_charging, stop_charging
from splynx_stripe.web.admin.run import run_page, run_progress, run_result
from splynx_stripe.web.admin.run_actions import confirm_run, run_action
from splynx_stripe.web.admin.runs import runs_page


def add_charge_routes(router: web.UrlDispatcher, base: str) -> None:
    """Adds them below `base`."""
    form = f"{base}/admin/charge"
    router.add_get(form, charge_page, name="admin-charge")
    router.add_post(f"{form}/plan", plan_charge, name="admin-charge-plan")
    router.add_post(f"{form}/stop", stop_charging, name="admin-charge-stop")
    router.add_post(f"{form}/resume", resume_charging, name="admin-charge-resume")
    router.add_get(f"{base}/admin/runs", runs_page, name="admin-runs")
    run = f"{base}/admin/runs/{{run}}"
    router.add_get(run, run_page, name="admin-run")
    router.add_get(f"{run}/progress", run_progress, name="admin-run-progress")
    router.add_get(f"{run}/result.csv", run_result, name="admin-run-result")
    router.add_post(f"{run}/confirm", confirm_run, name="admin-run-confirm")
    for name in ("pause", "resume", "cancel"):
        router.add_post(f"{run}/{name}", run_action(name), name=f"admin-run-{name}")
