"""`examples/agent_server` in `langgraph dev`: assistants, crons, webhooks, and what a tenant can try."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any

import httpx
import pytest
from langgraph_sdk import get_sync_client
from langgraph_sdk.client import SyncLangGraphClient
from langgraph_sdk.errors import APIStatusError

from examples.service.settings import digest
from tests.support.agent_server import serving
from tests.support.documents import ROOT
from tests.support.ports import free_ports
from tests.support.receiver import Receiver
from tests.support.served import waited
from tests.support.server import ModelServer, Reply

APP = ROOT / "examples" / "agent_server"
GIVEN: Any = {"question": "We open at nine."}
SECRETS = ("sk-of-acme", "sk-of-globex", "acme-key", "globex-key", "the-token")
SETTINGS = f"""
TENANTS=acme={digest("acme-key")},globex={digest("globex-key")}
OPENAI_API_KEY_ACME=sk-of-acme
OPENAI_API_KEY_GLOBEX=sk-of-globex
WEBHOOK_TOKEN=the-token
"""


class Hooks(Receiver):
    """What is told by webhooks."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str | None, dict[str, Any]]] = []

    def take(self, path: str, headers: "Message[str, str]", body: bytes) -> bytes:
        """Note who says what."""
        self.told.append((headers["Authorization"], json.loads(body)))
        return b"{}"


@dataclass
class Deployment:
    """The server with its tenants, its models and the receiver of its webhooks."""

    url: str
    folder: Path
    models: ModelServer
    hooks: Hooks
    clients: dict[str, SyncLangGraphClient] = field(default_factory=dict)

    def as_(self, tenant: str) -> SyncLangGraphClient:
        """Return a client of a tenant."""
        if tenant not in self.clients:
            headers = {"Authorization": f"Bearer {tenant}-key"}
            self.clients[tenant] = get_sync_client(url=self.url, headers=headers, timeout=60)
        return self.clients[tenant]

    def keys(self, since: int) -> list[str]:
        """Return the keys of the requests to models after the first ones."""
        return [request.headers["Authorization"] for request in self.models.requests[since:]]


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Run the example as it is, with secrets in its `.env`, and webhooks to loopback allowed."""
    folder = tmp_path_factory.mktemp("agent_server")
    app = shutil.copytree(APP, folder / "app")
    (app / ".env").write_text(SETTINGS)
    config = json.loads((app / "langgraph.json").read_text())
    config["webhooks"]["url"] = {
        "require_https": False,
        "allowed_domains": ["127.0.0.1"],
        "disable_loopback": False,
    }
    (app / "langgraph.json").write_text(json.dumps(config))
    (port,) = free_ports(1)
    with ModelServer() as models, Hooks() as hooks:
        models.always(Reply(json={"rationale": "r", "choice": "publish", "confidence": None}))
        settings = {"OPENAI_BASE_URL": models.url, "CRON_SCHEDULER_SLEEP_TIME": "1"}
        with serving(folder, port, settings, app) as ready:
            ready()
            running = Deployment(f"http://127.0.0.1:{port}", folder, models, hooks)
            yield running
            for client in running.clients.values():
                client.close()


@pytest.fixture(scope="module")
def acme(deployment: Deployment) -> SyncLangGraphClient:
    """The tenant who has something."""
    return deployment.as_("acme")


@pytest.fixture(scope="module")
def globex(deployment: Deployment) -> SyncLangGraphClient:
    """The tenant who tries to get it."""
    return deployment.as_("globex")


def thread_of(client: SyncLangGraphClient) -> tuple[str, str]:
    """Run the graph on a new thread of a tenant; return its id and that of the run."""
    thread = client.threads.create()["thread_id"]
    client.runs.wait(thread, "release", input=GIVEN)
    (run,) = client.runs.list(thread)
    return thread, run["run_id"]


def test_each_tenant_pays_with_a_key_of_their_own(deployment: Deployment) -> None:
    """One graph serves both; nobody can say in a request, an assistant or a cron who they are."""
    before = len(deployment.models.requests)
    for tenant in ("acme", "globex", "acme"):
        deployment.as_(tenant).runs.wait(None, "release", input=GIVEN)
    assert deployment.keys(before) == [
        f"Bearer sk-of-{tenant}" for tenant in ("acme", "globex", "acme") for _ in range(2)
    ]
    before, globex = len(deployment.models.requests), deployment.as_("globex")
    forged: Any = {
        "configurable": {"langgraph_auth_user_id": "acme", "langgraph_auth_user": {"identity": "acme"}}
    }
    globex.runs.wait(None, "release", input=GIVEN, config=forged)
    posing = globex.assistants.create("release", config=forged)["assistant_id"]
    globex.runs.wait(None, posing, input=GIVEN)
    globex.assistants.delete(posing)
    cron: Any = globex.crons.create("release", schedule="* * * * * *", input=GIVEN, config=forged)
    waited(lambda: len(deployment.models.requests) >= before + 6, 60)
    globex.crons.delete(cron["cron_id"])
    waited(lambda: not globex.threads.search(status="busy"), 60)  # else a late one would be in another test
    assert set(deployment.keys(before)) == {"Bearer sk-of-globex"}


def test_an_assistant_has_a_context_of_its_own(acme: SyncLangGraphClient, deployment: Deployment) -> None:
    """Five voters, all of whom are heard; a run may say otherwise; a wrong value is refused by name."""
    context: Any = {"voters": 5, "stop": "all_votes", "limits": {"budget_usd": 0.05}}
    assistant = acme.assistants.create("release", name="careful", context=context)["assistant_id"]
    out: Any = acme.runs.wait(None, assistant, input=GIVEN)
    assert out["verdict"]["support"] == {"k": 5, "n": 5}
    context = {"voters": 1}
    out = acme.runs.wait(None, assistant, input=GIVEN, context=context)
    assert out["verdict"]["support"] == {"k": 1, "n": 1}
    context = {"voters": "many"}
    with pytest.raises(Exception, match=r"context\.voters is 'many'"):
        acme.runs.wait(None, assistant, input=GIVEN, context=context)
    acme.assistants.delete(assistant)


def test_the_server_drops_what_no_context_has(acme: SyncLangGraphClient) -> None:
    """A misspelled name does not reach the graph, which would refuse it."""
    context: Any = {"voter": 1, "stop": "all_votes"}
    out: Any = acme.runs.wait(None, "release", input=GIVEN, context=context)
    assert out["verdict"]["support"] == {"k": 3, "n": 3}


def test_a_cron_runs_as_the_tenant_who_made_it(acme: SyncLangGraphClient, deployment: Deployment) -> None:
    """With a context of its own, with their key, and telling their webhook; deleted, it is in no list."""
    before, told = len(deployment.models.requests), len(deployment.hooks.told)
    context: Any = {"voters": 1}
    cron: Any = acme.crons.create(
        "release", schedule="* * * * * *", input=GIVEN, context=context, webhook=deployment.hooks.url
    )
    assert [one["cron_id"] for one in acme.crons.search()] == [cron["cron_id"]]
    waited(lambda: len(deployment.hooks.told) > told, 60)
    acme.crons.delete(cron["cron_id"])
    assert acme.crons.search() == []
    waited(lambda: not acme.threads.search(status="busy"), 60)
    assert set(deployment.keys(before)) == {"Bearer sk-of-acme"}
    assert deployment.hooks.told[told][1]["status"] == "success"


def test_a_webhook_says_that_a_run_is_over_and_nothing_of_its_content(
    acme: SyncLangGraphClient, deployment: Deployment
) -> None:
    """The receiver knows the server by its token, and gets what came of the run by its id, with a key."""
    thread = acme.threads.create()["thread_id"]
    run = acme.runs.create(thread, "release", input=GIVEN, webhook=deployment.hooks.url)["run_id"]
    waited(lambda: run in [said["run_id"] for _, said in deployment.hooks.told], 60)
    ((token, said),) = [told for told in deployment.hooks.told if told[1]["run_id"] == run]
    assert token == "Bearer the-token"
    assert (said["thread_id"], said["status"]) == (thread, "success")
    assert set(said) <= {"run_id", "thread_id", "assistant_id", "status", "error", "run_ended_at"}
    values: Any = acme.threads.get_state(said["thread_id"])["values"]
    assert values["verdict"]["choice"] == "publish"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        pytest.param("https://example.org/steal", "Webhook domain not allowed", id="elsewhere"),
        pytest.param(
            "http://169.254.169.254/latest", "Webhook domain not allowed", id="the cloud's metadata"
        ),
    ],
)
def test_a_webhook_leads_to_no_other_host(deployment: Deployment, address: str, said: str) -> None:
    """Of those that the configuration does not name, before anything is run."""
    before = len(deployment.models.requests)
    asked = {"assistant_id": "release", "input": GIVEN, "webhook": address}
    headers = {"Authorization": "Bearer acme-key"}
    refused = httpx.post(f"{deployment.url}/runs/wait", json=asked, headers=headers)
    assert (refused.status_code, refused.json()) == (422, {"detail": said})
    assert len(deployment.models.requests) == before


def refusal(attempt: Callable[[], Any]) -> int:
    """Return the status with which the server refuses a request; fail if it does not."""
    try:
        got = attempt()
    except (APIStatusError, httpx.HTTPStatusError) as error:
        return error.response.status_code
    assert [part.event for part in got] == ["error"]  # a stream that had begun
    return int(got[0].data["message"][:3])


def attacks(thread: str, run: str) -> dict[str, Callable[[SyncLangGraphClient], Any]]:
    """Return what someone can try who knows the ids of a thread and a run, by name."""
    command: Any = {"resume": "x"}
    return {
        "thread": lambda c: c.threads.get(thread),
        "state": lambda c: c.threads.get_state(thread),
        "history": lambda c: c.threads.get_history(thread),
        "runs": lambda c: c.runs.list(thread),
        "run": lambda c: c.runs.get(thread, run),
        "join": lambda c: c.runs.join(thread, run),
        "join stream": lambda c: list(c.runs.join_stream(thread, run)),
        "wait": lambda c: c.runs.wait(thread, "release", input=GIVEN),
        "stream": lambda c: list(c.runs.stream(thread, "release", input=GIVEN)),
        "resume": lambda c: c.runs.wait(thread, "release", command=command),
        "cancel": lambda c: c.runs.cancel(thread, run),
        "delete run": lambda c: c.runs.delete(thread, run),
        "copy": lambda c: c.threads.copy(thread),
        "take over": lambda c: c.threads.update(thread, metadata={"owner": "globex"}),
        "make again": lambda c: c.threads.create(thread_id=thread, if_exists="do_nothing"),
        "write": lambda c: c.threads.update_state(thread, {"question": "x"}),
        "cron": lambda c: c.crons.create_for_thread(thread, "release", schedule="* * * * *", input=GIVEN),
        "delete": lambda c: c.threads.delete(thread),
    }


@pytest.fixture(scope="module")
def owned(acme: SyncLangGraphClient) -> tuple[str, str]:
    """A thread of the first tenant, and its run."""
    return thread_of(acme)


@pytest.mark.parametrize("attack", attacks("", ""))
def test_no_request_reaches_a_thread_of_another_tenant(
    acme: SyncLangGraphClient, globex: SyncLangGraphClient, owned: tuple[str, str], attack: str
) -> None:
    """It does not exist for them, whatever they know; its owner finds it as it was."""
    thread, run = owned
    before = acme.threads.get(thread), acme.runs.get(thread, run)
    assert refusal(lambda: attacks(thread, run)[attack](globex)) in (404, 409)
    assert (acme.threads.get(thread), acme.runs.get(thread, run)) == before


def test_no_list_or_count_shows_what_another_tenant_has(
    acme: SyncLangGraphClient, globex: SyncLangGraphClient, owned: tuple[str, str]
) -> None:
    """Threads, assistants and crons, also where somebody looks for the owner by name."""
    assistant = acme.assistants.create("release", name="mine")["assistant_id"]
    made: Any = acme.crons.create("release", schedule="0 0 1 1 *", input=GIVEN)
    cron, mine = made["cron_id"], {"owner": "acme"}
    own = globex.threads.create()["thread_id"]
    assert owned[0] in [thread["thread_id"] for thread in acme.threads.search(metadata=mine)]
    listed: Any = globex.threads.search(limit=100)
    assert own in [thread["thread_id"] for thread in listed]
    assert {thread["metadata"]["owner"] for thread in listed} == {"globex"}
    assert globex.threads.search(metadata=mine) == []
    assert globex.threads.count(metadata=mine) == 0
    assert assistant not in [one["assistant_id"] for one in globex.assistants.search(limit=100)]
    assert globex.crons.search() == []
    attempts: list[Callable[[], Any]] = [
        lambda: globex.assistants.get(assistant),
        lambda: globex.assistants.update(assistant, metadata={"owner": "globex"}),
        lambda: globex.assistants.delete(assistant),
        lambda: globex.runs.wait(None, assistant, input=GIVEN),
        lambda: globex.crons.delete(cron),
    ]
    assert [refusal(attempt) for attempt in attempts] == [404] * 5
    acme.assistants.delete(assistant)
    acme.crons.delete(cron)


def test_a_tenant_cannot_give_a_thread_away(acme: SyncLangGraphClient, globex: SyncLangGraphClient) -> None:
    """Nor make one that another tenant would take for theirs."""
    pushed: Any = acme.threads.create(metadata={"owner": "globex"})
    assert pushed["metadata"]["owner"] == "acme"
    acme.threads.update(pushed["thread_id"], metadata={"owner": "globex", "note": "x"})
    kept: Any = acme.threads.get(pushed["thread_id"])["metadata"]
    assert (kept["owner"], kept["note"]) == ("acme", "x")
    assert pushed["thread_id"] not in [one["thread_id"] for one in globex.threads.search(limit=100)]


def test_the_store_has_a_part_for_each_tenant(acme: SyncLangGraphClient, globex: SyncLangGraphClient) -> None:
    """The same namespace is another one for each, and none leads out of their part."""
    acme.store.put_item(["notes"], "plan", {"text": "secret"})
    kept: Any = acme.store.get_item(["notes"], "plan")
    assert kept["value"] == {"text": "secret"}
    for namespace in (["notes"], ["acme", "notes"], ["globex", "acme", "notes"]):
        found: Any = globex.store.get_item(namespace, "plan")
        assert found is None
        globex.store.delete_item(namespace, "plan")
    for prefix in ([], ["acme"], ["notes"]):
        assert globex.store.search_items(prefix)["items"] == []
    listed: Any = globex.store.list_namespaces()
    assert {namespace[0] for namespace in listed["namespaces"]} <= {"globex"}
    assert acme.store.get_item(["notes"], "plan") == kept


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"x-auth-scheme": "langsmith"}, {"x-api-key": "acme-key"}],
    ids=["no key", "wrong key", "as Studio", "another header"],
)
def test_nobody_is_let_in_without_a_key(deployment: Deployment, headers: dict[str, str]) -> None:
    """Studio's header, which `langgraph dev` would take for anybody, does not help."""
    for method, path in (
        ("POST", "/threads/search"),
        ("POST", "/runs/wait"),
        ("POST", "/assistants/search"),
        ("POST", "/runs/crons/search"),
        ("POST", "/store/items/search"),
        ("POST", "/mcp/"),
    ):
        refused = httpx.request(method, f"{deployment.url}{path}", json={}, headers=headers)
        assert (path, refused.status_code) == (path, 401)


def test_no_secret_is_kept_or_said(
    acme: SyncLangGraphClient, deployment: Deployment, owned: tuple[str, str]
) -> None:
    """Neither in threads, runs and crons, nor in what the server writes to disk, logs or tells a webhook."""
    thread, _ = owned
    told = [said for _, said in deployment.hooks.told]
    kept = [acme.threads.get_history(thread), acme.runs.list(thread), acme.assistants.search()]
    seen = json.dumps([told, kept, acme.crons.search()])
    written = [path for path in deployment.folder.rglob("*") if path.is_file() and path.name != ".env"]
    assert {path.name for path in written} >= {"log.txt", "langgraph.json"}
    for secret in SECRETS:
        assert secret not in seen
        assert [path.name for path in written if secret.encode() in path.read_bytes()] == []
