from prometheus_client import Counter, Histogram

REQUESTS = Counter("requests_total", "Requests", ["path", "status"])
LATENCY = Histogram("latency_seconds", "Latency", buckets=(0.01, 0.05, 0.1, 0.5, 1))


def observe(path, status, seconds):
    REQUESTS.labels(path, status).inc()
    LATENCY.observe(seconds)


def precision(value: float, digits: int = 2) -> float:
    """Rounds for the dashboard."""
    return round(value, digits)
