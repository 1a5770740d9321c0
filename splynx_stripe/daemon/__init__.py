"""The composition root: joins the rooms to a running daemon, and takes it down in order."""

from __future__ import annotations

from splynx_stripe.daemon.process import Daemon

__all__ = ["Daemon"]
