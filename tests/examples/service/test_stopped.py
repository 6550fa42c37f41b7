"""A service that is killed or told to stop: another process goes on, and repeats no answered call."""

from pathlib import Path

import pytest

from tests.support.databases import SQLITE_AND_POSTGRES
from tests.support.served import Served, decided, repeated, votes, waited
from tests.support.server import Gate, ModelServer, Reply


@pytest.mark.parametrize("database", SQLITE_AND_POSTGRES, indirect=True)
def test_a_killed_service_goes_on_without_a_repeated_call(
    database: str, server: ModelServer, prices: None, tmp_path: Path
) -> None:
    """Four of six voters had been answered when it was killed: the next process asks the other two."""
    gate = Gate()
    server.on(lambda _: len(server.requests) > 4, Reply(gate=gate))
    votes(server, "release", "release", "release")
    with Served(tmp_path, database=database) as service:
        id, answered, last = service.begin(), 0, ""
        for number, event in service.events(id):
            last = number
            answered += event["event"] == "ended" and event["kind"] == "voter"
            if answered == 4:
                break
        waited(lambda: service.show(id)["usd"] == pytest.approx(4 * 20e-6), 60)
        waited(lambda: service.stored() == 4, 60)
        service.kill()
        server.wait(lambda s: s.in_flight == 0)  # else it would answer a process that is gone
        gate.open()
        service.start()
        told = list(service.events(id, after=last))
        shown = service.show(id)
    assert (shown["status"], told[-1][1]["event"]) == ("done", "over")
    assert repeated(server) == []
    assert len(server.requests) == 4 + 2 + 2 + 3  # two were on their way, and are asked again
    assert shown["usd"] == pytest.approx(9 * 20e-6)


@pytest.mark.parametrize("database", SQLITE_AND_POSTGRES, indirect=True)
def test_a_service_that_is_told_to_stop_leaves_its_runs_to_the_next(
    database: str, server: ModelServer, prices: None, tmp_path: Path
) -> None:
    """Calls in flight finish, none begins, streams end; the next process goes on, also with runs in line."""
    gate = Gate()
    server.always(Reply(gate=gate))
    votes(server, "release", "release", "release")
    with Served(tmp_path, database=database) as service:
        first, second = service.begin(), service.begin(files={"b.py": "pass\n"})
        server.wait(lambda s: s.in_flight == 12)
        for _, event in service.events(first):  # ends by itself, with the signal
            if event["event"] == "queued":
                service.terminate()
        assert event["event"] != "over"
        gate.open()
        service.wait()
        assert len(server.requests) == 12
        service.start()
        for id in (first, second):
            service.reach(id, "done")
    assert repeated(server) == []
    assert len(server.requests) == 18


def test_a_cancel_and_an_answer_outlive_a_kill(service: Served, server: ModelServer) -> None:
    """Both are given while no process works on the run, and both are obeyed by the next one."""
    votes(server, "release", "hold")
    asking = service.begin()
    service.reach(asking, "asking")
    server.always(Reply(hang=True))
    hanging = service.begin(files={"b.py": "pass\n"})
    server.wait(lambda s: s.hanging == 6)
    service.kill()
    service.start()
    acme = service.as_("acme-key")
    assert acme.post(f"/runs/{hanging}/cancel").status_code == 202
    assert acme.post(f"/runs/{asking}/answer", json=decided("hold")).status_code == 202
    service.reach(hanging, "cancelled")
    assert service.reach(asking, "done")["result"]["choice"] == "hold"
