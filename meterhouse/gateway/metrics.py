"""What the endpoint counts of itself, in Prometheus' text format.

What belongs here: the metrics and how they are shown. Several worker processes share them through the folder that
`meterhouse gateway` names in `PROMETHEUS_MULTIPROC_DIR`.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

EVENTS = Counter("meterhouse_gateway_events", "Items answered, by door and verdict.", ["door", "status"])
REQUESTS = Counter(
    "meterhouse_gateway_requests", "Requests answered, by door and status code.", ["door", "code"]
)
REFUSALS = Counter(
    "meterhouse_gateway_refusals", "Requests refused before their events were read.", ["reason"]
)
IGNORED_SPANS = Counter("meterhouse_gateway_ignored_spans", "OTLP spans that are no AI calls.")
COMMIT_SECONDS = Histogram(
    "meterhouse_gateway_commit_seconds",
    "Seconds from taking a group to its being on disk.",
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
PENDING_BYTES = Gauge(
    "meterhouse_gateway_pending_bytes", "Unpacked bytes in hand.", multiprocess_mode="livesum"
)


def as_text() -> bytes:
    """All metrics, of all worker processes."""
    try:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    except ValueError:
        return generate_latest()
    return generate_latest(registry)
