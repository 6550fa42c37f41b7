"""What a tenant has is nobody else's: runs, events, answers, cancels, threads, answers kept, budgets."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from examples.service.app import create_app
from examples.service.settings import Settings
from tests.support.databases import SQLITE_AND_POSTGRES
from tests.support.served import ACME, FILES, GLOBEX, Served, decided, votes
from tests.support.server import ModelServer

OPEN = {"/", "/page/{name}", "/healthz", "/readyz", "/metrics", "/openapi.json"}
"""Routes that are of no tenant; metrics have a key of their own."""


def routes() -> list[tuple[str, str]]:
    """Return the method and path of every route of tenants."""
    found = create_app(Settings()).openapi()["paths"]
    return sorted((method, path) for path, of in found.items() for method in of if path not in OPEN)


def body(method: str, path: str) -> dict[str, Any]:
    """Return a request's body that the route would take."""
    if method != "post":
        return {}
    return {"json": decided("hold") if path.endswith("answer") else {"files": FILES}}


def test_all_routes_of_runs_are_known() -> None:
    """A new one has to be looked at here."""
    assert routes() == [
        ("get", "/runs"),
        ("get", "/runs/{id}"),
        ("get", "/runs/{id}/events"),
        ("get", "/runs/{id}/record"),
        ("post", "/runs"),
        ("post", "/runs/{id}/answer"),
        ("post", "/runs/{id}/cancel"),
    ]


def test_no_route_shows_or_changes_a_run_of_another_tenant(service: Served, server: ModelServer) -> None:
    """For another tenant it does not exist; its owner finds it as it was."""
    votes(server, "release", "hold")
    id = service.begin()
    before = service.reach(id, "asking")
    for method, path in routes():
        if "{id}" in path:
            tried = service.as_("globex-key").request(method, path.format(id=id), **body(method, path))
            assert (path, tried.status_code, tried.json()) == (path, 404, {"detail": "there is no such run"})
    assert service.as_("globex-key").get("/runs").json() == []
    assert service.show(id) == before


def test_no_route_of_runs_answers_without_a_key(service: Served) -> None:
    """Nor with a wrong one, nor with that of the metrics."""
    for key in ("", "wrong", "metrics-key"):
        for method, path in routes():
            tried = service.as_(key).request(method, path.format(id="x"), **body(method, path))
            assert (key, path, tried.status_code) == (key, path, 401)


def test_metrics_are_for_no_tenant(service: Served) -> None:
    """They tell what others spend."""
    for key in ("acme-key", "globex-key", ""):
        assert service.as_(key).get("/metrics").status_code == 401


@pytest.mark.parametrize("database", SQLITE_AND_POSTGRES, indirect=True)
def test_a_crafted_id_finds_nothing(database: str, prices: None, server: ModelServer, tmp_path: Path) -> None:
    """Neither the thread of another tenant nor a run by a path, a null, SQL or a pattern."""
    votes(server, "release", "release", "release")
    with Served(tmp_path, database=database) as service:
        theirs = service.begin()
        service.reach(theirs, "done")
        for id in (f"acme%2F{theirs}", f"..%2Facme%2F{theirs}", f"{theirs}%00", "' OR '1'='1", "%25"):
            assert (id, service.as_("globex-key").get(f"/runs/{id}").status_code) == (id, 404)


def test_the_same_change_of_two_tenants_is_asked_twice(service: Served, server: ModelServer) -> None:
    """No answer to one tenant is kept for another, who would learn of it by time and cost."""
    votes(server, "release", "release", "release")
    first = service.reach(service.begin(), "done")
    second = service.reach(service.begin("globex-key"), "done", "globex-key")
    assert len(server.requests) == 18
    assert first["usd"] == second["usd"]


def test_a_tenant_over_its_budget_is_refused_and_the_other_goes_on(
    server: ModelServer, prices: None, tmp_path: Path
) -> None:
    """With a message that says what is spent and held, until the next day."""
    poor = replace(GLOBEX, budget_usd=0.0203, run_usd=0.02)
    votes(server, "release", "release", "release")
    with Served(tmp_path, tenants=(ACME, poor)) as service:
        service.reach(service.begin("globex-key"), "done", "globex-key")
        service.reach(service.begin("globex-key"), "done", "globex-key")
        refused = service.as_("globex-key").post("/runs", json={"files": FILES})
        assert refused.status_code == 402
        assert "globex is over its budget of $0.0203 a day: $0.0004 is spent" in refused.json()["detail"]
        service.reach(service.begin(), "done")


def test_a_run_that_may_cost_too_little_says_so(server: ModelServer, prices: None, tmp_path: Path) -> None:
    """It fails with what one call may cost, and no model is asked."""
    poor = replace(GLOBEX, run_usd=0.002)
    with Served(tmp_path, tenants=(ACME, poor)) as service:
        shown = service.reach(service.begin("globex-key"), "failed", "globex-key")
        assert "this call alone reserves" in shown["problem"]
        assert "raise budget_usd" in shown["problem"]
        assert server.requests == []


def test_runs_that_wait_hold_their_share_of_the_budget(service: Served, server: ModelServer) -> None:
    """Ten runs of up to half a dollar are the five dollars of a day, whatever they have cost so far."""
    votes(server, "release", "hold")
    ids = [service.begin(files={"a.py": f"print({number})\n"}) for number in range(10)]
    refused = service.as_("acme-key").post("/runs", json={"files": FILES})
    assert (refused.status_code, "$5.0000 is held for runs" in refused.text) == (402, True)
    service.reach(ids[0], "asking")  # it has cost something, so that less than half a dollar is free then
    service.as_("acme-key").post(f"/runs/{ids[0]}/cancel")
    service.reach(ids[0], "cancelled")
    assert "$4.5000 is held" in service.as_("acme-key").post("/runs", json={"files": FILES}).text
