"""A local collector of OpenTelemetry: it takes spans over HTTP, as protobuf."""

from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.receiver import Receiver


class Collector(Receiver):
    """Receives spans; `OTEL_EXPORTER_OTLP_ENDPOINT` has to be its address."""

    def __init__(self) -> None:
        super().__init__()
        self.spans: list[Any] = []
        self.paths: list[str] = []

    def take(self, path: str, headers: object, body: bytes) -> bytes:
        """Take spans."""
        self.paths.append(path)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self.spans += scope.spans
        return b""

    def named(self, name: str) -> list[Any]:
        """Spans of a name."""
        return [span for span in self.spans if span.name == name]

    def path(self, span: Any) -> list[str]:
        """Names of the spans above a span, from the root down."""
        by_id = {one.span_id: one for one in self.spans}
        names: list[str] = []
        while (above := by_id.get(span.parent_span_id)) is not None:
            names.insert(0, above.name)
            span = above
        return names


def attributes(span: Any) -> dict[str, Any]:
    """Return the attributes of a span."""
    return {each.key: getattr(each.value, str(each.value.WhichOneof("value"))) for each in span.attributes}
