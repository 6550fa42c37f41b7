"""A tracer of LangSmith's whose runs arrive at a local sink."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from langchain_core.tracers.langchain import LangChainTracer
from langsmith import Client

from tests.support.trace_sink import TraceSink

INFO: dict[str, Any] = {
    "instance_flags": {},
    "batch_ingest_config": {
        "use_multipart_endpoint": True,
        "size_limit": 100,
        "size_limit_bytes": 2**24,
        "scale_up_nthreads_limit": 1,
        "scale_up_qsize_trigger": 1000,
        "scale_down_nempty_trigger": 4,
    },
}


class Traces(TraceSink):
    """The sink, with a client that sends to it."""

    client: Client

    @property
    def tracer(self) -> LangChainTracer:
        """A new tracer."""
        return LangChainTracer(client=self.client)

    def arrived(self) -> "Traces":
        """Wait until everything that was traced has arrived."""
        self.client.flush()
        return self

    def names(self) -> list[str]:
        """Names of all runs, sorted."""
        return sorted(run["name"] for run in self.runs.values())

    def check_tree(self) -> None:
        """Check that every run has ended, and stands below one that arrived, in the same trace."""
        for run in self.runs.values():
            assert run.get("end_time"), run["name"]
            parent = run.get("parent_run_id")
            above = self.runs[parent]["dotted_order"] + "." if parent else ""
            assert run["dotted_order"].startswith(above)
            assert run["dotted_order"].endswith(run["id"])
            assert run["trace_id"] == run["dotted_order"].split(".")[0].partition("Z")[2]


@contextmanager
def traces() -> Iterator[Traces]:
    """Run the sink and its client."""
    with Traces() as sink:
        sink.client = Client(api_url=sink.url, api_key="lsv2_not_a_real_key", info=INFO)
        try:
            yield sink
        finally:
            sink.client.close()
