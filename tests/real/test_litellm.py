"""litellm's proxy in front of our server: what passes through it means the same."""

import asyncio
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from langgraph_parallel import Ask, Limits, create_voting
from langgraph_parallel.cli.app import run
from langgraph_parallel.cli.doctor.record import Diagnosis
from langgraph_parallel.runtime.explain import kind_of
from langgraph_parallel.runtime.limiter_registry import reset_limits
from tests.cli.doctor import make_able
from tests.support.server import ModelServer, Reply

pytestmark = pytest.mark.needs_litellm
PROGRAM = os.environ.get("LITELLM", "")
CONFIG = """
model_list:
  - model_name: test-model
    litellm_params: {{model: openai/test-model, api_base: "{url}", api_key: sk-upstream}}
router_settings: {{num_retries: 0, disable_cooldowns: true}}
general_settings: {{master_key: sk-proxy}}
"""


@pytest.fixture
def proxy(server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run the proxy, and point the environment to it."""
    if not PROGRAM:
        pytest.skip("LITELLM does not name the program litellm of litellm[proxy]; CI has it")
    (tmp_path / "config.yaml").write_text(CONFIG.format(url=server.url))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [PROGRAM, "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
    environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=quiet, stderr=quiet) as process:
        try:
            monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{port}/v1")
            monkeypatch.setenv("OPENAI_API_KEY", "sk-proxy")
            reset_limits()
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


async def started(proxy: str) -> None:
    """Wait until the proxy answers, for at most two minutes."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(120):
        while True:
            try:
                async with session.get(f"{proxy}/health/liveliness") as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.5)


async def test_a_proxy_by_others_is_understood(proxy: str, server: ModelServer) -> None:
    """Schemas pass, errors of the server behind it keep their kind, and an overload is waited for."""
    await started(proxy)
    limits = Limits(attempts=2, backoff=0.05, patience=20)
    server.always(Reply(json={"rationale": "r", "choice": "yes"}))
    model = "openai:test-model"
    graph = create_voting(model=model, choices=["yes", "no"], voters=2, stop="all_votes", limits=limits)
    out = await graph.ainvoke({"question": "Is it?"})
    assert (out["verdict"].choice, out["verdict"].cast) == ("yes", 2)
    assert "json_schema" in str(server.requests[0].body)
    server.on("busy", Reply(text="fine"))
    server.on("busy", Reply(status=503), times=1)
    assert await Ask("{text}", model=model, limits=limits).ainvoke("busy") == "fine"
    server.on("upstream key", Reply(status=401))
    with pytest.raises(Exception) as raised:  # noqa: PT011 - of the provider
        await Ask("{text}", model=model, limits=limits).ainvoke("upstream key")
    assert kind_of(raised.value) == "key"


async def test_the_doctor_looks_through_the_proxy(
    proxy: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """It lists the proxy's models, and finds what the server behind it takes; a wrong key is named."""
    await started(proxy)
    make_able(server)
    code = await asyncio.to_thread(run, ["doctor", "--model", "openai:test-model", "--format", "json"])
    checks = {check.name: check for check in Diagnosis.model_validate_json(capsys.readouterr().out).checks}
    assert code == 0
    assert checks["models"].value == {"listed": 1, "context_window": None}
    assert checks["structured_output"].status == "ok"
    assert checks["streaming"].status == "ok"
