"""What /metrics says, whether the alert rules and the dashboard ask for that, and traces as a collector gets them."""

import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prometheus_client.parser import text_string_to_metric_families

from api.main import create_app
from api.metrics import BUCKETS_MS, Latencies
from config.monitoring_settings import MonitoringSettings
from config.settings import Settings
from tests.api.calls import in_service, post, start_session, state_of
from tests.api.small_shop import SmallShop

DOCS = Path(__file__).resolve().parents[2] / "docs"
RULES, DASHBOARD = DOCS / "alerts.yml", DOCS / "grafana-dashboard.json"


def families(client: TestClient) -> dict[str, Any]:
    return {family.name: family for family in text_string_to_metric_families(client.get("/metrics").text)}


def value(client: TestClient, sample: str, **labels: str) -> float:
    found = [
        one.value
        for family in families(client).values()
        for one in family.samples
        if one.name == sample and one.labels == labels
    ]
    [only] = found
    return float(only)


def test_buckets_count_everything_once() -> None:
    times = Latencies()
    for milliseconds in (0.1, 0.5, 0.6, 100.0, 10_000.0):
        times.add(milliseconds)
    counts = times.cumulative()
    assert len(counts) == len(BUCKETS_MS) + 1
    assert counts[:2] == [2, 3] and counts[-2:] == [4, 5]
    assert times.count == 5 and times.total == pytest.approx(10_101.2)


def test_every_family_says_what_it_is(client: TestClient) -> None:
    post(client, "/autosuggest", {"query_prefix": "r"})
    found = families(client)
    assert all(family.documentation and family.type != "unknown" for family in found.values())
    assert all(name.startswith("cadence_") for name in found)
    kinds = {found[f"cadence_{what}_duration_seconds"].type for what in ("request", "stage")}
    assert kinds == {"histogram"}


def test_endpoints_are_templates_never_paths(client: TestClient, admin: dict[str, str]) -> None:
    client.get("/products/p1", headers=admin)
    client.get("/no/such/place/secret")
    text = client.get("/metrics").text
    assert 'endpoint="GET /products/{product_id:path}"' in text and 'endpoint="unmatched"' in text
    assert "secret" not in text and "/products/p1" not in text


def test_what_happened_is_counted(client: TestClient) -> None:
    state, session = state_of(client), start_session(client)
    for _ in range(3):
        post(client, "/autosuggest", {"query_prefix": "red"}, session)
    post(client, "/search", {"query": "red"}, session)
    in_service(client, state.writer.flush_events)
    in_service(client, state.writer.flush_lists)
    endpoint = {"endpoint": "POST /autosuggest"}
    assert value(client, "cadence_request_duration_seconds_count", **endpoint) == 3
    assert value(client, "cadence_request_duration_seconds_bucket", le="2.048", **endpoint) == 3
    assert 0 < value(client, "cadence_request_duration_seconds_sum", **endpoint) < 3
    assert value(client, "cadence_stage_duration_seconds_count", flow="search", stage="lexical") == 1
    assert value(client, "cadence_events_written_total") == 1  # the search
    assert value(client, "cadence_lists_written_total") == 4
    assert value(client, "cadence_lists_dropped_total") == 0
    assert value(client, "cadence_experiments_running") == 0
    assert value(client, "cadence_promotions_ended_total", step="roll_back") == 0


def exported(client: TestClient) -> set[str]:
    """Names that a query may use: of samples, or of families that have none yet."""
    names = set()
    for name, family in families(client).items():
        names |= {one.name for one in family.samples} or {name, f"{name}_total"}
    return names


@pytest.mark.parametrize("path", [RULES, DASHBOARD], ids=["alerts", "dashboard"])
def test_only_metrics_are_asked_for_that_there_are(client: TestClient, path: Path) -> None:
    for word in ("/autosuggest", "/search"):
        post(client, word, {"query_prefix": "red"} if word == "/autosuggest" else {"query": "red"})
    loaded = yaml.safe_load(path.read_text(encoding="utf-8"))  # JSON is YAML
    asked = set(re.findall(r"cadence_\w+", json.dumps(loaded)))
    assert len(asked) >= 6
    assert asked <= exported(client)


def test_alert_rules_are_whole() -> None:
    [group] = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    assert all(set(rule) >= {"alert", "expr", "labels", "annotations"} for rule in group["rules"])
    assert len({rule["alert"] for rule in group["rules"]}) == len(group["rules"]) >= 6


@pytest.mark.skipif(shutil.which("promtool") is None, reason="Prometheus is not installed")
def test_promtool_finds_nothing(client: TestClient) -> None:
    for command, text in (("check rules", RULES.read_text()), ("check metrics", client.get("/metrics").text)):
        done = subprocess.run(["promtool", *command.split()], input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


class Collector(ThreadingHTTPServer):
    """Keeps the spans that it is sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receiver)
        self.spans: list[Span] = []
        self.bodies = b""


class _Receiver(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            raise AssertionError("not asked for")
        assert (self.path, self.headers["Content-Type"]) == ("/v1/traces", "application/x-protobuf")
        sent = ExportTraceServiceRequest.FromString(body)
        self.server.bodies += body
        for resource in sent.resource_spans:
            for scope in resource.scope_spans:
                self.server.spans += scope.spans
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_span_for_each_request_and_one_for_each_stage(
    collector: Collector, stocked: Path, settings: Settings, shop: SmallShop
) -> None:
    shutil.copytree(stocked, settings.storage.cadence_home)
    endpoint = f"http://127.0.0.1:{collector.server_port}"
    traced = settings.model_copy(update={"monitoring": MonitoringSettings(otel_exporter_otlp_endpoint=endpoint)})
    with TestClient(create_app(traced, load=lambda *_: shop.models()), raise_server_exceptions=False) as client:
        caller = {"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}
        post(client, "/autosuggest", {"query_prefix": "red", "user_id": "somebody"}, caller)
        client.get("/products/nobodys-business")
    names = {span.name: span for span in collector.spans}
    request, product = names["POST /autosuggest"], names["GET /products/{product_id:path}"]
    assert request.trace_id == b"\xab" * 16 and request.parent_span_id == b"\xcd" * 8
    children = [span for span in collector.spans if span.parent_span_id == request.span_id]
    assert {span.name for span in children} == {"beam", "compute"}
    for span in children:
        assert request.start_time_unix_nano <= span.start_time_unix_nano
        assert span.end_time_unix_nano <= request.end_time_unix_nano
    said = {one.key: one.value.string_value or one.value.int_value for one in request.attributes}
    assert said == {"http.request.method": "POST", "http.route": "/autosuggest", "http.response.status_code": 200}
    assert product.kind == Span.SPAN_KIND_SERVER
    for personal in (b"red", b"somebody", b"nobodys"):
        assert not re.search(rb"\b" + personal + rb"\b", collector.bodies)


def test_without_a_collector_no_tracing_is_imported() -> None:
    """FastAPI imports the API of OpenTelemetry, and redis the SDK's metrics: neither is ours, nor traces anything."""
    ours = ("api.tracing", "opentelemetry.sdk.trace", "opentelemetry.exporter")
    asked = f"import sys; import api.main; print([name for name in sys.modules if name.startswith({ours})])"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
