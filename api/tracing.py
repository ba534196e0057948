"""A trace of every request over OTLP/HTTP, for whoever names a collector: what was asked, how it ended, which stages.

Nothing here says who asked or for what: no query, no user, no session, no address. A span is named by its route's
template, as metrics are. Its children are the stages that the reply reports, one after the other as they are reported;
stages that ran side by side, or whose list was made for somebody else before, end with the request at the latest. So
children say how long, not when.
"""

import asyncio
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_WHOLE = ("compute", "cache")  # stages that are all of the time spent, others among it
_NS_PER_MS = 1_000_000
_SEND_SECONDS = 3  # at the end, too: a collector that is away must not keep the service from stopping


@dataclass(slots=True)
class Trace:
    """A request under way. `caller`: the W3C headers of who asked, whose trace this one goes on with."""

    begun_ns: int
    caller: Mapping[str, str]
    stages: list[tuple[str, float]] = field(default_factory=list)  # milliseconds


_current: ContextVar[Trace | None] = ContextVar("trace", default=None)


class Traces:
    """Sends in batches from a thread of its own; what cannot be sent is dropped, and said in the log."""

    def __init__(self, endpoint: str) -> None:
        """`endpoint`: the collector's base URL. The SDK's other variables (sampler, headers, …) hold as they stand."""
        exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=_SEND_SECONDS)
        self._provider = TracerProvider(resource=Resource.create({"service.name": "cadence"}), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("cadence")
        self._propagator = TraceContextTextMapPropagator()

    def begin(self, headers: Mapping[str, str]) -> Trace:
        """A request begins: stages reported from here on, in this context, are its own."""
        caller = {name: headers[name] for name in ("traceparent", "tracestate") if name in headers}
        trace = Trace(time.time_ns(), caller)
        _current.set(trace)
        return trace

    def stages(self, stage_ms: Mapping[str, float]) -> None:
        """The stages of the request under way, if there is one."""
        trace = _current.get()
        if trace is not None:
            trace.stages.extend(stage_ms.items())

    def end(self, trace: Trace, endpoint: str, status: int) -> None:
        """The request was answered. `endpoint`: method and route's template."""
        _current.set(None)
        method, _, route = endpoint.partition(" ")
        attributes: dict[str, str | int] = {"http.response.status_code": status}
        if route:
            attributes |= {"http.request.method": method, "http.route": route}
        ended_ns = time.time_ns()
        span = self._tracer.start_span(
            endpoint,
            self._propagator.extract(trace.caller),
            SpanKind.SERVER,
            attributes,
            start_time=trace.begun_ns,
        )
        if span.is_recording():
            inside, at = set_span_in_context(span), trace.begun_ns
            for stage, milliseconds in trace.stages:
                begun = trace.begun_ns if stage in _WHOLE else at
                until = min(ended_ns, begun + int(milliseconds * _NS_PER_MS))
                self._tracer.start_span(stage, inside, start_time=begun).end(until)
                at = at if stage in _WHOLE else until
        if status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        span.end(ended_ns)

    async def close(self) -> None:
        """Send what waits."""
        await asyncio.to_thread(self._provider.shutdown)
