"""The command `doctor`: what it says of the installation and the settings, and what it never says."""

import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jsonschema
import pytest
from langsmith import utils
from packaging.requirements import Requirement

from langgraph_parallel.cli.app import run
from langgraph_parallel.cli.doctor import asked_model, endpoint, installed, requirements
from langgraph_parallel.cli.doctor.rendering import doctor_schema
from langgraph_parallel.cli.doctor.requirements import find_faults
from langgraph_parallel.cli.run_store import RunStore
from langgraph_parallel.offline.engines import DLINT, Engine
from langgraph_parallel.offline.families import ENGINES
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.prices import Priced
from langgraph_parallel.runtime.providers import PROVIDERS
from langgraph_parallel.runtime.variables import KNOWN
from tests.cli.doctor import Doctor, dump, make_able
from tests.support.server import ModelServer, Reply

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "langgraph_parallel"
OTHER_SECRETS = (
    "LANGSMITH_API_KEY",
    "HF_TOKEN",
    "ACME_CLIENT_SECRET",
    "DB_PASSWORD",
    "LANGGRAPH_PARALLEL_API_KEY",
)


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Doctor:
    """The command, with no key and no model."""
    for provider in PROVIDERS:
        for name in provider.keys:
            monkeypatch.delenv(name, raising=False)
    return Doctor(monkeypatch, capsys)


# What is installed


def test_what_is_installed_is_listed(doctor: Doctor) -> None:
    """The package, Python, requirements and extras have versions, and in this environment no fault."""
    found = doctor.found()
    assert doctor.code == 0
    assert found["version"][0].value == metadata.version("langgraph-parallel")
    assert found["python"][0].value == ".".join(map(str, sys.version_info[:3]))
    core: Any = found["requirements"][0].value
    assert core["langgraph"] == metadata.version("langgraph")
    assert found["requirements"][0].status == "ok"
    extras = {name for name in found if name.startswith("extra_")}
    names = ["agents", "chat", "cli", "dask", "documents", "mcp", "offline", "parquet"]
    names += ["postgres", "redis", "sql", "testing"]
    assert extras == {f"extra_{name}" for name in names}
    assert {found[name][0].status for name in extras} == {"ok"}
    assert found["git"][0].status == "ok"


def _install(folder: Path, name: str, version: str, requires: Sequence[str] = ()) -> None:
    """Make the metadata of a package."""
    place = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    place.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    (place / "METADATA").write_text("\n".join([*lines, *(f"Requires-Dist: {one}" for one in requires), ""]))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages that Python finds."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    requirements._find.cache_clear()
    return folder


@pytest.mark.parametrize(
    ("required", "said"),
    [
        ("aaa-lib>=1", []),
        ("aaa-lib>=3", ["aaa-lib is 2.0; expected >=3"]),
        ("zzz-not-there>=1", ["zzz-not-there is not installed"]),
        ("bbb-lib", ["aaa-lib is 2.0; expected <2 by bbb-lib"]),
        ("ccc-lib", []),
        ("ccc-lib[more]", ["zzz-not-there is not installed; required by ccc-lib"]),
        ("ddd-lib", []),
    ],
)
def test_conflicts_of_versions_are_found(site: Path, required: str, said: list[str]) -> None:
    """Of what is required itself, and of what that requires; markers and extras count, and circles end."""
    _install(site, "aaa-lib", "2.0")
    _install(site, "bbb-lib", "1.0", ["aaa-lib<2"])
    _install(
        site, "ccc-lib", "1.0", ["zzz-not-there; extra == 'more'", "zzz-not-there; python_version < '3'"]
    )
    _install(site, "ddd-lib", "1.0", ["eee-lib"])
    _install(site, "eee-lib", "1.0", ["ddd-lib", "not a requirement!"])
    assert [str(fault) for fault in find_faults([Requirement(required)])] == said


def test_a_requirement_that_is_not_met_is_a_problem(
    doctor: Doctor, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line names both versions, and the way out is a command; of an extra it is a warning."""
    _install(site, "aaa-lib", "2.0")
    core, extra = Requirement("aaa-lib>=3"), Requirement("zzz-not-there")
    own = requirements.Requirements([core], {"x": [extra], "y": [Requirement("aaa-lib<1"), extra]})
    monkeypatch.setattr(requirements.Requirements, "read", lambda: own)
    found = doctor.found()
    assert doctor.code == 1
    [check] = found["requirements"]
    assert (check.status, check.text) == ("problem", "aaa-lib is 2.0; expected >=3")
    assert check.way_out == "pip install --upgrade 'aaa-lib>=3'"
    assert found["extra_x"][0].status == "missing"
    assert found["extra_x"][0].way_out == "pip install 'langgraph-parallel[x]'"


def test_engines_start(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Each is started as a review starts it; one that does not start, or lacks its plug-in, is a warning."""
    broken = Engine("broken", "json.tool", lambda *_: [], lambda _: iter(()))
    lacking = Engine("lacking", "vulture", lambda *_: [], lambda _: iter(()), needs="json")
    absent = Engine("absent", "no_such_module", lambda *_: [], lambda _: iter(()))
    doctor = Doctor(monkeypatch, capsys)
    monkeypatch.setattr(installed, "ENGINES", (*ENGINES, broken, lacking, absent))
    found = doctor.found("--offline")
    assert {found[f"engine_{engine.name}"][0].status for engine in ENGINES} == {"ok"}
    assert found[f"engine_{DLINT.name}"][0].value == metadata.version("dlint")
    assert found["engine_broken"][0].status == "warning"
    assert "does not load it" in found["engine_lacking"][0].text
    assert found["engine_absent"][0].status == "missing"


def test_without_git_a_line_says_what_needs_it(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program of the current folder does not count, as in a review."""
    Path("git").write_text("#!/bin/sh\necho git version 9.9\n")
    Path("git").chmod(0o755)
    monkeypatch.setenv("PATH", ".")
    [check] = doctor.found("--offline")["git"]
    assert check.status == "missing"
    assert "review --diff" in check.text


def test_a_part_that_cannot_be_imported_is_a_line(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who calls a doctor may have a broken installation."""
    monkeypatch.delitem(sys.modules, "langgraph_parallel.cli.doctor.endpoint", raising=False)
    monkeypatch.setitem(sys.modules, "langgraph_parallel.runtime.probe", None)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-not-a-real-key")
    [check] = doctor.found()["endpoint"]
    assert check.status == "unknown"
    assert "langgraph_parallel.runtime.probe" in check.text


# Settings


def test_all_variables_that_are_read_are_known() -> None:
    """Whatever the source reads under the package's prefix is in the list: none of it is called unknown."""
    read = set()
    for path in SOURCE.rglob("*.py"):
        text = path.read_text()
        read |= set(re.findall(r"\{PREFIX\}([A-Z_]+)|LANGGRAPH_PARALLEL_([A-Z][A-Z_]+)\b", text))
    names = {f"LANGGRAPH_PARALLEL_{first or second}" for first, second in read}
    assert names
    assert names <= set(KNOWN)
    assert {f"LANGGRAPH_PARALLEL_{name.upper()}" for name in Limits.model_fields} < set(KNOWN)


@pytest.mark.parametrize(
    ("name", "value", "status", "said"),
    [
        ("CONCURRENCY", "8", "ok", "LANGGRAPH_PARALLEL_CONCURRENCY=8"),
        ("CONCURRENCY", "0", "problem", "greater than or equal to 1"),
        ("CONCURRENCY", "many", "problem", "valid integer"),
        ("CALL_TIMEOUT", "-1", "problem", "greater than 0"),
        ("HEDGE", "p99", "problem", "LANGGRAPH_PARALLEL_HEDGE"),
        ("HEDGE", "p95", "ok", "LANGGRAPH_PARALLEL_HEDGE=p95"),
        ("TRACE", "most", "problem", "expected one of full, branches, graph"),
        ("TRACE_CONTENTS", "maybe", "problem", "expected true or false"),
        ("COMPLETION", "most", "problem", "is not a completion policy"),
        (
            "COMPLETION",
            "tolerated_failures(0.1)",
            "ok",
            "LANGGRAPH_PARALLEL_COMPLETION=tolerated_failures(0.1)",
        ),
        ("REDIS_URL", "http://x", "problem", "the URL of Redis is not valid"),
        ("REDIS_URL", "redis://u:canary-pass@h/0", "ok", "LANGGRAPH_PARALLEL_REDIS_URL is set"),
        ("MODEL", "gpt", "problem", "expected provider:model"),
        ("CONCURENCY", "8", "warning", "nothing reads it"),
        ("SPELL", "8", "warning", "nothing reads it"),
    ],
)
def test_variables_are_checked(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch, name: str, value: str, status: str, said: str
) -> None:
    """A value with which no run starts is a problem; a name that nothing reads is a warning."""
    monkeypatch.setenv(f"LANGGRAPH_PARALLEL_{name}", value)
    [check] = doctor.found("--offline")["variables"]
    assert check.status == status
    assert said in check.text
    assert bool(check.way_out) is (status != "ok")
    assert "canary-pass" not in doctor.printed


def test_a_slip_of_a_name_has_the_nearest(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each unknown name gets the known one that it may be, and no far-fetched one."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_BUDGET_DOLLARS", "1")
    monkeypatch.setenv("LANGGRAPH_PARALLEL_PRIORTY", "1")
    ways = {str(check.value): check.way_out for check in doctor.found("--offline")["variables"]}
    assert ways["LANGGRAPH_PARALLEL_PRIORTY"] == "did you mean LANGGRAPH_PARALLEL_PRIORITY?"
    assert (
        "did you mean" not in ways["LANGGRAPH_PARALLEL_BUDGET_DOLLARS"]
        or "BUDGET" in ways["LANGGRAPH_PARALLEL_BUDGET_DOLLARS"]
    )


def test_with_invalid_settings_no_endpoint_is_asked(
    doctor: Doctor, model: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No run would start with them, so nothing is found out of the endpoint."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_ATTEMPTS", "none")
    found = doctor.found("--model", model)
    assert doctor.code == 1
    assert found["address"][0].text == "not asked: correct the problems above first"
    assert server.requests == []


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("sk-0123456789abcdef", "ok"),
        ("sk-0123456789abcdef\n", "warning"),
        ('"sk-0123456789abcdef"', "warning"),
        ("sk-0123456789 abcdef", "warning"),
        ("sk-0123456789абвгде", "warning"),  # noqa: RUF001 - as copied from a text
    ],
)
@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "ANTHROPIC_API_KEY"])
def test_keys_are_named_and_never_shown(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch, name: str, value: str, status: str
) -> None:
    """What is wrong with the form of a key is said without a part of it."""
    monkeypatch.setenv(name, value)
    [check] = doctor.found("--offline")["keys"]
    assert (check.status, check.value) == (status, name)
    assert "0123456" not in doctor.printed


@pytest.mark.parametrize(
    ("environment", "status", "said"),
    [
        ({}, "ok", "traces are off"),
        ({"LANGSMITH_API_KEY": "lsv2_x"}, "ok", "answers leave this machine for api.smith.langchain.com"),
        ({}, "warning", "LANGSMITH_API_KEY is not set"),
        ({"LANGSMITH_ENDPOINT": "http://127.0.0.1:1"}, "ok", "stay on this machine"),
        ({"LANGGRAPH_PARALLEL_TRACE_CONTENTS": "false"}, "warning", "without contents, leave"),
        ({"LANGGRAPH_PARALLEL_TRACE": "graph"}, "warning", "traces are on (graph)"),
    ],
    ids=["off", "on", "no key", "here", "no contents", "level"],
)
def test_traces_are_told(
    doctor: Doctor,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    environment: dict[str, str],
    status: str,
    said: str,
) -> None:
    """Whether they are on, where they go, and whether contents leave the machine."""
    forget: Any = utils.get_env_var
    forget.cache_clear()
    monkeypatch.setenv("LANGSMITH_TRACING", "false" if request.node.callspec.id == "off" else "true")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    [check] = doctor.found("--offline")["tracing"]
    forget.cache_clear()
    assert check.status == status
    assert said in check.text


def test_the_settings_of_a_project_are_checked(doctor: Doctor) -> None:
    """A review of this folder would not start with such a table, so it is a problem."""
    assert doctor.found("--offline")["project"][0].status == "ok"
    Path("pyproject.toml").write_text('[tool.langgraph-parallel]\nignore = ["style"]\n')
    assert doctor.found("--offline")["project"][0].value == ["ignore"]
    Path("pyproject.toml").write_text('[tool.langgraph-parallel]\nfailon = "high"\n')
    [check] = doctor.found("--offline")["project"]
    assert check.status == "problem"
    assert "did you mean 'fail-on'?" in check.text


def test_the_store_of_runs_is_measured(doctor: Doctor) -> None:
    """How many runs there are, and what they take; a store that cannot be read is a warning."""
    assert doctor.found("--offline")["runs"][0].value["runs"] == 0  # type: ignore[index, call-overload]
    assert not RunStore().path.exists()  # looking leaves nothing behind
    RunStore().begin("review a.py", {})
    value: Any = doctor.found("--offline")["runs"][0].value
    assert value["runs"] == 1
    assert value["bytes"] > 0
    RunStore().path.write_bytes(b"this is no database" * 100)
    [check] = doctor.found("--offline")["runs"]
    assert check.status == "warning"
    assert "not a database" in check.text


def test_proxies_are_named_without_their_addresses(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address of a proxy often has a password."""
    monkeypatch.setenv("HTTPS_PROXY", "http://user:canary-pass@proxy.example:3128")
    [check] = doctor.found("--offline")["proxies"]
    assert check.value == ["HTTPS_PROXY"]
    assert "canary" not in doctor.printed


# The model


@pytest.mark.parametrize(
    ("environment", "option", "value", "why"),
    [
        ({"OPENAI_API_KEY": "sk-x"}, None, "openai:gpt-5-mini", "the default if OPENAI_API_KEY is set"),
        ({"OPENAI_BASE_URL": "http://h/v1"}, None, "openai:gpt-5-mini", "if OPENAI_BASE_URL is set"),
        (
            {"OPENAI_API_KEY": "sk-x", "LANGGRAPH_PARALLEL_MODEL": "openai:b"},
            None,
            "openai:b",
            "_MODEL names it",
        ),
        (
            {"OPENAI_API_KEY": "sk-x", "LANGGRAPH_PARALLEL_MODEL": "openai:b"},
            "openai:c",
            "openai:c",
            "--model",
        ),
    ],
)
def test_which_model_and_why(
    doctor: Doctor,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    option: str | None,
    value: str,
    why: str,
) -> None:
    """The option comes first, then the variable, then the default."""
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    [check] = doctor.found("--offline", *(["--model", option] if option else []))["model"]
    assert (check.status, check.value) == ("ok", value)
    assert why in check.text


def test_the_price_and_the_context_are_those_of_the_table(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model of the table has both; another has a price only if the user sets it."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    found = doctor.found("--offline", "--model", "openai:gpt-5-mini")
    price: Any = found["price"][0].value
    assert 0 < price["input"] < price["output"]
    assert found["context"][0].value
    tiered: Any = doctor.found("--offline", "--model", "openai:gpt-5.4")["price"][0].value
    ordinary = Priced.of("openai:gpt-5.4").usd_of(1000, 0)  # dearer beyond some length of the prompt
    assert tiered["input"] == pytest.approx(1000 * (ordinary or 0))
    assert doctor.found("--offline", "--model", "openai:own")["price"][0].status == "missing"
    monkeypatch.setenv("LANGGRAPH_PARALLEL_PRICE_INPUT", "2")
    monkeypatch.setenv("LANGGRAPH_PARALLEL_PRICE_OUTPUT", "3")
    assert doctor.found("--offline", "--model", "openai:own")["price"][0].value == {
        "input": 2.0,
        "output": 3.0,
    }


def test_a_budget_without_a_price_is_a_problem(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every run would be refused."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    monkeypatch.setenv("LANGGRAPH_PARALLEL_BUDGET_USD", "1")
    found = doctor.found("--model", "openai:own")
    assert found["price"][0].status == "problem"
    assert doctor.code == 1


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("openai:gpt-5-mini", "no key for openai:gpt-5-mini"),
        ("perplexity:sonar", "langchain-perplexity is not installed"),
        ("acme:x", "'acme:x'"),
    ],
)
def test_a_model_that_cannot_be_asked_is_a_problem(doctor: Doctor, model: str, said: str) -> None:
    """A key or a package that is missing shows before anything is asked, an unknown provider thereafter."""
    found = doctor.found("--model", model)
    problems = [check for checks in found.values() for check in checks if check.status == "problem"]
    assert len(problems) == 1
    assert said in problems[0].text
    assert doctor.code == 1


def test_without_a_model_the_offline_work_is_told(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """No model is no problem while engines are there; with neither, a review has no voter."""
    found = doctor.found()
    assert doctor.code == 0
    assert found["model"][0].status == "missing"
    assert found["address"][0].text == "not asked: no model is named"
    monkeypatch.setattr(asked_model, "installed_engines", list)
    [check] = doctor.found()["offline"]
    assert check.status == "problem"
    assert "langgraph-parallel[offline]" in check.way_out


def test_offline_asks_no_endpoint(doctor: Doctor, model: str, server: ModelServer) -> None:
    """Nothing is sent, and the line says why."""
    found = doctor.found("--offline", "--model", model)
    assert found["address"][0].text == "not asked: --offline"
    assert server.requests == []


# Secrets


def _canary(number: int) -> str:
    return f"canary{number:02d}-{'qwzx' * 5}-{number * 7919:06d}"


def _parts(secret: str) -> list[str]:
    return [secret[i : i + 10] for i in range(len(secret) - 9)]


@pytest.fixture
def canaries(monkeypatch: pytest.MonkeyPatch, model: str, server: ModelServer) -> list[str]:
    """Secrets in all variables that may hold one; each is unlike a key of any known form."""
    names = [*dict.fromkeys(name for provider in PROVIDERS for name in provider.keys), *OTHER_SECRETS]
    for number, name in enumerate(names):
        monkeypatch.setenv(name, _canary(number))
    address = server.url.replace("http://", f"http://someone:{quote(_canary(98))}@")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{address}?token={_canary(99)}")
    monkeypatch.setenv("LANGGRAPH_PARALLEL_REDIS_URL", f"redis://:{_canary(97)}@127.0.0.1:1/0")
    monkeypatch.setenv("HTTP_PROXY", "")
    return [*map(_canary, range(len(names))), *map(_canary, (97, 98, 99))]


ECHOES: Mapping[str, Callable[[str], str]] = {
    "whole": lambda key: f"Incorrect API key provided: {key}.",
    "beginning": lambda key: f"Key {key[:12]}... is not valid",
    "end": lambda key: f"no credit left on the key ending in {key[-12:]}",
    "middle": lambda key: f"key <{key[5:25]}> unknown",
    "in quotes": lambda key: json.dumps({"authorization": f"Bearer {key}", "x": [key]}),
    "percent": lambda key: f"GET /v1?key={quote(key)} refused",
    "long": lambda key: "x" * 290 + key,
}
"""What a server says of a key."""


@pytest.mark.parametrize("echo", ECHOES)
def test_no_secret_is_ever_shown(
    doctor: Doctor,
    canaries: list[str],
    model: str,
    server: ModelServer,
    echo: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An error that repeats the key, whole or in part, is masked, in both formats."""
    monkeypatch.setattr(endpoint, "_LONGEST_PAUSE", 0.1)  # a 429 is not waited out
    key = os.environ["OPENAI_API_KEY"]
    os.environ["OPENAI_BASE_URL"] = server.url  # without a user, the request has the key
    for status, format in ((400, "json"), (401, "text"), (404, "json"), (429, "json"), (500, "text")):
        server.always(Reply(status=status, body={"error": {"message": ECHOES[echo](key), "code": key}}))
        server.requests.clear()
        text = doctor.text("--model", model, "--timeout", "5", "--format", format)
        assert server.requests
        assert all(part not in text for secret in canaries for part in _parts(secret))


def test_no_secret_of_an_answer_is_shown(
    doctor: Doctor, canaries: list[str], model: str, server: ModelServer
) -> None:
    """Headers, lists of models and answers may hold the key as well; addresses have passwords."""
    key = os.environ["OPENAI_API_KEY"]
    make_able(server, {"x-ratelimit-limit-requests": key, f"x-ratelimit-{key}": key})
    server.models = {"data": [{"id": key}, {"id": f"test-{key[:14]}"}]}
    server.on("Note any word", Reply(text=key))
    server.on("Name any colour", Reply(text=key))
    for arguments in (["--model", model], ["--model", "openai:testing"], ["--offline"]):
        found = doctor.found(*arguments)
        assert all(part not in dump(found) for secret in canaries for part in _parts(secret))
        assert all(part not in doctor.printed for secret in canaries for part in _parts(secret))


# The output


def test_text_has_a_word_for_each_mark_and_is_ascii_in_a_pipe(doctor: Doctor) -> None:
    """One line for each finding, with a word; the way out is on a line of its own."""
    text = doctor.text()
    assert text.isascii()
    lines = text.splitlines()
    assert [line for line in lines if line and not line.startswith(" ")] == [
        "Package", "Settings", "Model", "Endpoint", "No problems."
    ]  # fmt: skip
    words = "ok|missing|warning|problem|unknown"
    assert all(re.match(rf"  ({words}) +\S|  +-> \S", line) for line in lines if line.startswith(" "))


def test_a_terminal_gets_signs_beside_the_words(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Colour is never the only mark, and NO_COLOR is obeyed."""
    monkeypatch.setattr("langgraph_parallel.cli.writing._is_terminal", lambda _: True)
    assert "\x1b[32m✓ ok" in doctor.text()
    monkeypatch.setenv("NO_COLOR", "1")
    text = doctor.text()
    assert "\x1b" not in text
    assert "  ✓ ok  " in text
    assert "  – missing" in text  # noqa: RUF001 - a dash


def test_json_fits_its_documented_schema(doctor: Doctor, model: str, server: ModelServer) -> None:
    """The schema in `docs` is up to date, and a diagnosis validates against it."""
    written = json.loads((ROOT / "docs" / "doctor.schema.json").read_text())
    assert written == doctor_schema()
    make_able(server)
    diagnosis = json.loads(doctor.text("--model", model, "--format", "json"))
    jsonschema.validate(diagnosis, written, cls=jsonschema.Draft202012Validator)
    assert (diagnosis["format"], diagnosis["version"], diagnosis["ok"]) == (
        "langgraph-parallel/doctor",
        1,
        True,
    )


def test_names_of_checks_are_documented(doctor: Doctor, model: str, server: ModelServer) -> None:
    """Programs go by names: each is in the documentation."""
    make_able(server)
    documented = (ROOT / "docs" / "doctor.md").read_text()
    for name in doctor.found("--model", model):
        shown = re.sub(r"^(extra|engine)_.*", r"\1_NAME", name)
        assert f"`{shown}`" in documented, name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "gpt"], "--model: 'gpt' is not a model; expected provider:model"),
        (["--model", ""], "--model: '' is not a model"),
        (["--base-url", "localhost"], "--base-url"),
        (["--base-url", "http://u:p@h/v1"], "--base-url"),
        (["--timeout", "0"], "--timeout"),
        (["--timeout", "inf"], "--timeout is inf; expected a finite number"),
        (["--timeout", "nan"], "--timeout"),
        (["--format", "xml"], "--format"),
        (["more"], "more"),
    ],
)
def test_bad_usage(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line on standard error, and exit code 2."""
    assert run(["doctor", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1


def test_the_base_url_is_that_of_this_command_alone(
    doctor: Doctor, model: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The option comes before the variable, which is as before afterwards."""
    make_able(server)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert doctor.found("--model", model, "--base-url", server.url)["answers"][0].status == "ok"
    assert os.environ["OPENAI_BASE_URL"] == "http://127.0.0.1:9/v1"
