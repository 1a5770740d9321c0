"""Runs the command line as `python -m splynx_stripe`."""

from __future__ import annotations

from splynx_stripe.cli.main import main

main()
