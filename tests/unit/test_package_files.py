"""What the package ships beside the program says only what is true of the program."""

from __future__ import annotations

import configparser
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import yaml
from click.shell_completion import ShellComplete
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from splynx_stripe import __version__
from splynx_stripe.cli.main import main
from splynx_stripe.daemon.charge_wing import ChargeFigures
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
    no_store: Any = None  # asked when the figures are shown, not when they are made
    ChargeFigures(registry, no_store)
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


def filled(page: str) -> str:
    """The page as the build fills it, without scdoc's escapes."""
    done = subprocess.run(
        [sys.executable, "packaging/manual.py", f"packaging/man/{page}"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.replace("\\", "")


def all_commands(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*words, name)
        if isinstance(command, click.Group):
            yield from all_commands(command, (*words, name))


def command_of(words: tuple[str, ...]) -> click.Command:
    found: click.Command = main
    for word in words:
        assert isinstance(found, click.Group)
        inner = found.get_command(click.Context(found), word)
        assert inner is not None
        found = inner
    return found


def options_of(words: tuple[str, ...]) -> set[str]:
    parameters = command_of(words).params
    return {name for each in parameters if isinstance(each, click.Option) for name in each.opts}


def test_the_manual_has_every_command_with_all_of_its_options() -> None:
    manual = filled("splynx-stripe.1.scd")
    sections = dict(
        part.split("\n", 1)
        for part in re.split(r"^## splynx-stripe ", manual, flags=re.MULTILINE)[1:]
    )

    for words in all_commands(main):
        if isinstance(command_of(words), click.Group):
            continue
        name = " ".join(words)
        [text] = [text for title, text in sections.items() if re.match(rf"{name}\b(?!-)", title)]
        assert [each for each in options_of(words) if each not in text] == []


def test_the_manual_of_the_sandbox_has_all_of_its_options() -> None:
    manual = filled("splynx-stripe-sandbox.1.scd")

    assert [each for each in options_of(("sandbox",)) if each not in manual] == []


def test_the_shells_complete_every_command_and_option() -> None:
    shell = ShellComplete(main, {}, "splynx-stripe", "_SPLYNX_STRIPE_COMPLETE")
    for words in all_commands(main):
        offered = {item.value for item in shell.get_completions(list(words[:-1]), "")}
        assert words[-1] in offered

        offered = {item.value for item in shell.get_completions(list(words), "--")}
        wanted = {name for name in options_of(words) if name.startswith("--")}
        assert wanted - offered == set()


def test_the_package_has_the_version_of_the_program_above_the_closed_add_on() -> None:
    first = (ROOT / "debian" / "changelog").read_text().splitlines()[0]

    assert re.match(rf"splynx-stripe \(1:{re.escape(__version__)}(\+|~|\))", first)


def test_the_service_never_gives_up_and_hands_over_secrets() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's keys have capitals
    unit.read(ROOT / "systemd" / "splynx-stripe.service")

    service = unit["Service"]
    assert service["Type"] == "notify"
    assert service["Restart"] == "always"
    assert service["LoadCredential"] == "credentials:/etc/splynx-stripe/credentials"
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert service["UnsetEnvironment"] == "STRIPE_LOG"
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"
