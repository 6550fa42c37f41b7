"""The compose file says what the service needs, and publishes nothing but it, on loopback."""

import yaml

from tests.support.documents import ROOT


def test_the_compose_file_has_what_the_service_needs() -> None:
    """Two processes, PostgreSQL and Redis, and more time to stop than calls in flight may take."""
    parts = yaml.safe_load((ROOT / "examples/service/compose.yaml").read_text())["services"]
    service = parts.pop("service")
    assert service["command"] == ["--processes", "2"]
    assert service["ports"] == ["127.0.0.1:8000:8000"]
    assert {"SERVICE_DATABASE", "LANGGRAPH_PARALLEL_REDIS_URL"} <= service["environment"].keys()
    assert service["depends_on"].keys() == parts.keys() == {"database", "redis"}
    assert not any("ports" in part for part in parts.values())
    assert (ROOT / service["build"]["dockerfile"]).is_file()
