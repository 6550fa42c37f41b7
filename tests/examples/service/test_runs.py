"""Runs of the service over HTTP: from their start to a decision, or to their cancellation."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from examples.service import runner
from langgraph_parallel import recording
from tests.support.databases import SQLITE_AND_POSTGRES
from tests.support.served import ACME, GLOBEX, Served, decided, votes
from tests.support.server import Gate, ModelServer, Reply


def test_a_run_tells_what_happens_and_ends_with_a_report(service: Served, server: ModelServer) -> None:
    """From the line over branches, votes and costs to the result, in the order of what happened."""
    votes(server, "release", "release", "release")
    id = service.begin()
    told = list(service.events(id))
    kinds = [event["event"] for _, event in told]
    assert kinds[:3] == ["queued", "begun", "run_started"]
    assert kinds[-1] == "over"
    assert kinds.count("called") == len(server.requests) == 9
    numbers = [tuple(map(int, number.split("-"))) for number, _ in told]
    assert numbers == sorted(numbers)
    shown = service.show(id)
    assert (shown["status"], shown["result"]["choice"], shown["form"]) == ("done", "release", None)
    assert shown["result"]["report"].startswith("# Code review")
    costs = [event["run_usd"] for _, event in told if event["event"] == "called"]
    assert costs[-1] == pytest.approx(shown["usd"]) == pytest.approx(9 * 20e-6)


def test_the_record_of_a_run_can_be_kept(service: Served, server: ModelServer) -> None:
    """It has the calls and the cost of the server's log, its page names the votes, and others get neither."""
    votes(server, "release", "release", "release")
    id = service.begin()
    service.reach(id, "done")
    asked = service.as_("acme-key")
    record = recording.parse_record(asked.get(f"/runs/{id}/record").text)
    assert {graph.status for graph in record.graphs} == {"ok"}
    assert len(record.calls) == len(server.requests) == 9
    assert sum(call.usd or 0.0 for call in record.calls) == pytest.approx(service.show(id)["usd"])
    page = asked.get(f"/runs/{id}/record", params={"view": "html"})
    assert page.headers["Content-Disposition"] == f'attachment; filename="run-{id}.html"'
    assert "vote[" in page.text
    assert service.as_("globex-key").get(f"/runs/{id}/record").status_code == 404


def test_who_comes_back_goes_on_after_the_last_event(service: Served, server: ModelServer) -> None:
    """The header that browsers send when they connect again is understood; other texts are refused."""
    votes(server, "release", "release", "release")
    id = service.begin()
    told = list(service.events(id))
    later = list(service.events(id, after=told[20][0]))
    assert [number for number, _ in later[:-1]] == [number for number, _ in told[21:-1]]
    assert later[-1][1]["event"] == "over"
    for other in ("5", "1-", "9" * 20 + "-1"):  # of which the last one is no id for Redis
        refused = service.as_("acme-key").get(f"/runs/{id}/events", headers={"Last-Event-ID": other})
        assert (other, refused.status_code) == (other, 422)


def test_a_cancel_closes_the_connections_at_once(
    monkeypatch: pytest.MonkeyPatch, server: ModelServer, prices: None, tmp_path: Path
) -> None:
    """All six calls in flight are cut off long before the next look for runs to cancel."""
    monkeypatch.setattr(runner, "LOOK_EVERY", 600.0)
    server.always(Reply(hang=True))
    with Served(tmp_path, lease=600.0) as service:
        id = service.begin()
        server.wait(lambda s: s.hanging == 6)
        assert service.as_("acme-key").post(f"/runs/{id}/cancel").status_code == 202
        server.wait(lambda s: s.in_flight == 0)
        assert server.cut_off == 6
        service.reach(id, "cancelled")
        assert [event["event"] for _, event in service.events(id)][-1] == "over"
        assert service.as_("acme-key").post(f"/runs/{id}/cancel").status_code == 409
        assert service.metrics()['service_running{tenant="acme"}'] == 0


def test_a_wrong_answer_is_refused_and_another_one_decides(service: Served, server: ModelServer) -> None:
    """The message says what is possible; the run goes on once, and asks no model for it."""
    votes(server, "release", "hold", "release")
    id, acme = service.begin(), service.as_("acme-key")
    form = service.reach(id, "asking")["form"]
    assert form["review_configs"][0]["args_schema"]["properties"]["choice"]["enum"] == ["release", "hold"]
    asked = len(server.requests)
    refused = acme.post(f"/runs/{id}/answer", json=decided("maybe"))
    assert refused.status_code == 422
    assert "choice 'maybe' is not one of 'release', 'hold'" in refused.json()["detail"]
    assert service.show(id)["status"] == "asking"
    assert acme.post(f"/runs/{id}/answer", json=decided("hold")).status_code == 202
    assert acme.post(f"/runs/{id}/answer", json=decided("release")).status_code == 409
    result = service.reach(id, "done")["result"]
    assert (result["choice"], result["decided_by"]) == ("hold", "person")
    assert len(server.requests) == asked


def test_a_run_that_asks_can_be_cancelled(service: Served, server: ModelServer) -> None:
    """It ends at once, and takes no answer any more."""
    votes(server, "release", "hold", "release")
    id, acme = service.begin(), service.as_("acme-key")
    service.reach(id, "asking")
    assert acme.post(f"/runs/{id}/cancel").status_code == 202
    assert service.show(id)["status"] == "cancelled"
    assert acme.post(f"/runs/{id}/answer", json=decided("hold")).status_code == 409


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        pytest.param({}, 422, "nothing to review", id="nothing"),
        pytest.param({"file": {}}, 422, "Extra inputs", id="misspelled"),
        pytest.param({"files": {"a.py": "x" * 1_000_000}}, 413, "1,000,000 bytes", id="large"),
    ],
)
def test_what_cannot_be_reviewed_is_refused(
    service: Served, body: dict[str, object], status: int, message: str
) -> None:
    """Before a run is made of it, with a reason."""
    refused = service.as_("acme-key").post("/runs", json=body)
    assert (refused.status_code, message in refused.text) == (status, True)
    assert service.as_("acme-key").get("/runs").json() == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(
            '{"files": {"a\\ud800.py": "pass"}}', "surrogates not allowed", id="half of a character"
        ),
        pytest.param('{"files": {"a.py": NaN}}', "valid string", id="not a number"),
        pytest.param('{"files": {"a\\ud800.py": 5}}', "valid string", id="where the fault is"),
    ],
)
def test_what_no_answer_can_have_is_refused(service: Served, body: str, message: str) -> None:
    """Python reads it as JSON; no run is made of it, and the answer does not have it."""
    headers = {"Content-Type": "application/json"}
    refused = service.as_("acme-key").post("/runs", content=body, headers=headers)
    assert (refused.status_code, message in refused.text) == (422, True)
    assert service.as_("acme-key").get("/runs").json() == []


@pytest.mark.parametrize("database", SQLITE_AND_POSTGRES, indirect=True)
def test_an_answer_that_no_database_takes_is_refused(
    database: str, server: ModelServer, prices: None, tmp_path: Path
) -> None:
    """NaN is not in JSON; the run asks as before."""
    votes(server, "release", "hold")
    with Served(tmp_path, database=database) as service:
        id = service.begin()
        service.reach(id, "asking")
        given = json.dumps(decided("hold")).replace('"hold"', '"hold", "x": NaN')
        headers = {"Content-Type": "application/json"}
        refused = service.as_("acme-key").post(f"/runs/{id}/answer", content=given, headers=headers)
        assert (refused.status_code, "not JSON compliant" in refused.text) == (422, True)
        assert service.show(id)["status"] == "asking"


def test_a_body_of_unknown_length_is_refused(service: Served) -> None:
    """Else it could be as large as it likes."""
    refused = service.as_("acme-key").post("/runs", content=iter([b"{}"]))
    assert refused.status_code == 411


def test_health_and_metrics(service: Served, server: ModelServer) -> None:
    """Calls, refusals, cost, branches and runs are counted; only the key of metrics reads them."""
    server.on(lambda _: True, Reply(status=429, headers={"retry-after": "0"}), times=1)
    votes(server, "release", "release", "release")
    service.reach(service.begin(), "done")
    assert service.as_("").get("/healthz").json() == {"status": "ok"}
    assert service.as_("").get("/readyz").json() == {"status": "ok"}
    numbers = service.metrics()
    calls = 'service_calls_total{model="test-model",ok="%s",tenant="acme"}'
    assert numbers[calls % "true"] == 9
    assert numbers['service_refusals_total{model="test-model"}'] == numbers[calls % "false"] == 1
    assert numbers['service_cost_usd_total{tenant="acme"}'] == pytest.approx(9 * 20e-6)
    assert numbers['service_branches_total{status="ok"}'] == 11
    assert numbers['service_runs_total{status="done",tenant="acme"}'] == 1
    assert numbers['service_waiting{tenant="globex"}'] == 0


def test_the_page_may_load_nothing_from_elsewhere(service: Served) -> None:
    """All of its parts are served with a policy that allows no inline code and no other host."""
    page = service.as_("").get("/")
    assert page.headers["content-security-policy"].startswith("default-src 'self'")
    for name in ("page.js", "form.js", "nodes.js", "page.css", "icon.svg"):
        assert service.as_("").get(f"/page/{name}").status_code == 200
    assert service.as_("").get("/page/app.py").status_code == 404


def test_a_storm_of_one_tenant_does_not_delay_another(
    monkeypatch: pytest.MonkeyPatch, server: ModelServer, prices: None, tmp_path: Path
) -> None:
    """At a busy endpoint every third turn is that of the tenant with one run, against one with twenty."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_CONCURRENCY", "4")
    gate = Gate()
    server.always(Reply(gate=gate, delay=0.01))
    with Served(tmp_path, tenants=(replace(ACME, run_usd=0.1), GLOBEX)) as service:
        for _ in range(20):
            service.begin()
        server.wait(lambda s: s.in_flight == 4)
        other = service.begin("globex-key", {"one.py": "pass\n"})
        started = 0
        for _, event in service.events(other, key="globex-key"):
            started += event["event"] == "started"
            if started == 8:  # its branches, and their voters: it stands in line
                gate.open()
    assert event["event"] == "over"
    turns = [at for at, request in enumerate(server.requests) if "one.py" in request.prompt]
    # Twice as many turns are those of the storm, whose priority is 2; by run, there would be eight of them.
    assert max(later - turn for turn, later in pairwise(turns[:6])) < 8
