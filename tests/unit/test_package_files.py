"""What the package ships beside the program says only what is true of the program."""

from __future__ import annotations

import configparser
import json
import re
from pathlib import Path

import yaml
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from splynx_stripe.cli.main import COMMANDS
from splynx_stripe.web.metrics import WebMetrics

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "packaging" / "monitoring"
METRIC = re.compile(r"\b(?:splynx_stripe|process)_[a-z_]+")


def known_metrics() -> set[str]:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    metrics = WebMetrics(registry)
    metrics.answered("healthz", 200)
    metrics.webhook("payment_intent.succeeded", "stored")
    metrics.acknowledged(0.01)
    return set(METRIC.findall(generate_latest(registry).decode()))


def test_the_dashboard_shows_only_metrics_that_exist() -> None:
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    shown = {
        metric
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for metric in METRIC.findall(target["expr"])
    }

    assert shown
    assert shown - known_metrics() == set()


def test_the_alerts_ask_only_for_metrics_that_exist_and_say_what_to_do() -> None:
    groups = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    asked = {metric for rule in rules for metric in METRIC.findall(rule["expr"])}

    assert asked - known_metrics() == set()
    assert all(
        rule["annotations"]["description"].endswith(
            (".", "err", "doctor", "failed", "loses nothing.")
        )
        for rule in rules
    )


def test_the_manual_page_names_every_command() -> None:
    manual = (ROOT / "packaging" / "man" / "splynx-stripe.1.scd").read_text()

    assert [name for name in COMMANDS if f"*{name}" not in manual] == []


def test_the_service_never_gives_up_and_hands_over_secrets() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's keys have capitals
    unit.read(ROOT / "systemd" / "splynx-stripe.service")

    service = unit["Service"]
    assert service["Type"] == "notify"
    assert service["Restart"] == "always"
    assert service["LoadCredential"] == "credentials:/etc/splynx-stripe/credentials"
    assert service["UnsetEnvironment"] == "STRIPE_LOG"
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"
