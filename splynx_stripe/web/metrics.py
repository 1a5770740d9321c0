"""What the web edge counts for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

_ACK_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class WebMetrics:
    """The counters of the web edge, in the registry that the daemon owns."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._requests = Counter(
            "splynx_stripe_http_requests",
            "Requests answered, by route and status.",
            ["route", "status"],
            registry=registry,
        )
        self._webhook_events = Counter(
            "splynx_stripe_webhook_events",
            "Webhook requests, by event type and what became of them.",
            ["type", "result"],
            registry=registry,
        )
        self._webhook_ack = Histogram(
            "splynx_stripe_webhook_ack_seconds",
            "From the arrival of a webhook to the acknowledgement of a stored event.",
            buckets=_ACK_BUCKETS_S,
            registry=registry,
        )

        self._children: dict[tuple[str, str | int], Counter] = {}

    def answered(self, route: str, status: int) -> None:
        """Counts an answered request."""
        self._child(self._requests, route, status).inc()

    def webhook(self, event_type: str, result: str) -> None:
        """Counts a webhook request; `event_type` is "" where it is not proven to be Stripe's."""
        self._child(self._webhook_events, event_type or "unproven", result).inc()

    def acknowledged(self, seconds: float) -> None:
        """Notes how long an acknowledgement took."""
        self._webhook_ack.observe(seconds)

    def _child(self, counter: Counter, first: str, second: str | int) -> Counter:
        """Finds the counter of two labels: prometheus_client checks and locks for each look-up."""
        key = (first, second)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = counter.labels(first, str(second))
        return child
