"""The text format of Prometheus, version 0.0.4."""

from __future__ import annotations

from flowray.api.http.metrics import ApiMetrics, Metric, prometheus_text


def test_the_text_format() -> None:
    odd = Metric("m", "Help.", "gauge", ("a", "b"), {('q"\\\n', "x"): 1.5, ("a", "y"): 3})
    assert prometheus_text([odd, Metric("n", "None.", "counter", samples={(): 2})]) == (
        '# HELP m Help.\n# TYPE m gauge\nm{a="a",b="y"} 3\nm{a="q\\"\\\\\\n",b="x"} 1.5\n'
        "# HELP n None.\n# TYPE n counter\nn 2\n"
    )


def test_counters_of_the_api() -> None:
    metrics = ApiMetrics()
    metrics.request_answered("GET", "/v1/info", 200)
    metrics.request_answered("GET", "/v1/info", 200)
    metrics.executions_started(3, replayed=1)
    metrics.stream_opened()
    samples = {metric.name: dict(metric.samples) for metric in metrics.collect()}
    assert samples == {
        "flowray_http_requests_total": {("GET", "/v1/info", "200"): 2},
        "flowray_executions_started_total": {(): 3},
        "flowray_idempotent_replays_total": {(): 1},
        "flowray_event_streams": {(): 1},
    }
    metrics.stream_closed()
    assert metrics.collect()[-1].samples == {(): 0}
