"""Docker files and compose files: what they name is there, and what they run is what the pages say.

No image is built: that takes a Docker daemon, and what it downloads.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from langgraph_cli.cli import cli

from examples.service.__main__ import parser
from examples.service.settings import Settings
from tests.support.documents import ROOT

SERVICE = ROOT / "examples" / "service"
INSTRUCTIONS = (
    *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "RUN"),
    *("SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
)


def instructions(file: Path) -> list[tuple[str, str]]:
    """Return the instructions of a Docker file; fail at a line that is none."""
    text = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", file.read_text(), flags=re.MULTILINE))
    found = [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]
    assert {kind for kind, _ in found} <= {*INSTRUCTIONS}
    return [(kind, given.strip()) for kind, given in found]


def variables(file: Path) -> Mapping[str, str]:
    """Return the variables that a Docker file sets, read as Docker reads them: words, with quotes."""
    words = [word for kind, given in instructions(file) if kind == "ENV" for word in shlex.split(given)]
    assert [word for word in words if "=" not in word] == []
    return dict(word.split("=", 1) for word in words)


@pytest.mark.parametrize("app", [ROOT, ROOT / "examples/agent_server"], ids=["the repository", "the example"])
def test_the_docker_file_of_an_agent_server_has_its_graphs_and_no_secret(app: Path, tmp_path: Path) -> None:
    """`langgraph dockerfile` writes it: quotes end where they should, and paths lead to what they name."""
    for name in ("langgraph.json", "requirements.txt", "pyproject.toml"):
        if (app / name).exists():
            shutil.copy(app / name, tmp_path)
    (tmp_path / ".env").write_text("OPENAI_API_KEY_ACME=sk-of-acme\nWEBHOOK_TOKEN=the-token\n")
    made = tmp_path / "Dockerfile"
    config = tmp_path / "langgraph.json"
    listed = json.loads(config.read_text())
    for path in [graph["path"] for graph in listed["graphs"].values()] + [listed.get("auth", {}).get("path")]:
        if path:
            place = Path(path.partition(":")[0])
            (tmp_path / place.parent).mkdir(parents=True, exist_ok=True)
            shutil.copy(app / place, tmp_path / place)
    done = CliRunner().invoke(cli, ["dockerfile", "-c", str(config), str(made)])
    assert done.exit_code == 0, done.output
    told = variables(made)
    graphs = json.loads(told["LANGSERVE_GRAPHS"])
    assert {name: graph["description"] for name, graph in graphs.items()} == {
        name: graph["description"] for name, graph in listed["graphs"].items()
    }
    (added,) = [given.split()[1] for kind, given in instructions(made) if kind == "ADD" and given[0] == "."]
    paths = [graph["path"] for graph in graphs.values()]
    paths += [json.loads(told["LANGGRAPH_AUTH"])["path"]] if "auth" in listed else []
    for path in paths:
        place, _, name = path.partition(":")
        assert re.search(rf"^{name} = ", (app / Path(place).relative_to(added)).read_text(), re.MULTILINE)
    assert not re.search("sk-of-acme|the-token", made.read_text())


def service_image() -> dict[str, list[str]]:
    """Return what is given to each kind of instruction in the Docker file of the service."""
    found: dict[str, list[str]] = {}
    for kind, given in instructions(SERVICE / "Dockerfile"):
        found.setdefault(kind, []).append(given)
    return found


def compose() -> dict[str, Any]:
    """Return the compose file of the service."""
    return dict(yaml.safe_load((SERVICE / "compose.yaml").read_text()))


def test_the_compose_file_has_what_the_service_needs() -> None:
    """Two processes, PostgreSQL and Redis, and more time to stop than calls in flight may take."""
    parts = compose()["services"]
    service = parts.pop("service")
    assert service["ports"] == ["127.0.0.1:8000:8000"]
    assert service["depends_on"].keys() == parts.keys() == {"database", "redis"}
    assert not any("ports" in part for part in parts.values())
    assert float(service["stop_grace_period"].removesuffix("s")) > Settings.grace
    volumes = [name.partition(":")[0] for part in parts.values() for name in part.get("volumes", ())]
    assert volumes == [*compose()["volumes"]]


def test_the_compose_file_sets_what_the_service_reads() -> None:
    """No variable is misspelled, and each address leads to a service of the file, with its password."""
    parts = compose()["services"]
    given = parts["service"]["environment"]
    of_database = parts["database"]["environment"]
    read = {f"SERVICE_{name.upper()}" for name in ("database", "lease", "grace", "tenants")}
    assert given.keys() <= read | {
        "LANGGRAPH_PARALLEL_REDIS_URL",
        "LANGGRAPH_PARALLEL_MODEL",
        "OPENAI_API_KEY",
    }
    user, password, name = (of_database[f"POSTGRES_{part}"] for part in ("USER", "PASSWORD", "DB"))
    assert given["SERVICE_DATABASE"] == f"postgresql+psycopg://{user}:{password}@database:5432/{name}"
    assert given["LANGGRAPH_PARALLEL_REDIS_URL"] == "redis://redis:6379/0"
    assert parts["database"]["healthcheck"]["test"] == ["CMD", "pg_isready", "-U", user]


def test_the_image_of_the_service_runs_the_command_of_the_readme() -> None:
    """The compose file builds it, and adds options that the command has, on the port that is published."""
    image, service = service_image(), compose()["services"]["service"]
    program, *options = json.loads(image["ENTRYPOINT"][0])
    readme = (SERVICE / "README.md").read_text()
    assert [program, *options[:2]] == ["python", "-m", "examples.service"]
    assert "uv run --group service python -m examples.service" in readme
    assert f"python -m examples.service {' '.join(service['command'])}" in readme
    given = parser().parse_args([*options[2:], *service["command"]])
    assert (given.host, given.processes) == ("0.0.0.0", 2)
    assert service["ports"] == [f"127.0.0.1:{given.port}:{image['EXPOSE'][0]}"]
    assert f"http://127.0.0.1:{given.port}/readyz" in service["healthcheck"]["test"][-1]
    place = (SERVICE / service["build"]["context"]).resolve()
    assert (place, place / service["build"]["dockerfile"]) == (ROOT, SERVICE / "Dockerfile")
    assert "docker compose -f examples/service/compose.yaml up" in readme


def test_what_the_image_installs_is_declared() -> None:
    """The group of dependencies, and the files that building the package needs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    image = service_image()
    (group,) = re.findall(r"pip install [^&]*\. --group (\w+)", image["RUN"][0])
    assert group in project["dependency-groups"]
    copied = {name for given in image["COPY"] for name in given.split()[:-1]}
    assert {
        "pyproject.toml",
        "src",
        project["project"]["readme"],
        *project["project"]["license-files"],
    } <= copied
    python = image["FROM"][0].removeprefix("python:").removesuffix("-slim")
    assert f"Programming Language :: Python :: {python}" in project["project"]["classifiers"]


def test_what_the_image_copies_is_enough_to_start(tmp_path: Path) -> None:
    """The service is imported from nothing but the files that are copied."""
    for given in service_image()["COPY"]:
        *sources, target = given.split()
        for source in sources:
            place = tmp_path / target
            (place / source if place.is_dir() else place).symlink_to(ROOT / source)
    code = "from examples.service.app import create_app; import langgraph_parallel as package\n"
    code += "print(create_app().title, package.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "src"), **variables(SERVICE / "Dockerfile")},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["Reviews", str(tmp_path / "src/langgraph_parallel/__init__.py")], (
        done.stderr
    )


@pytest.mark.parametrize(
    "secret",
    ["examples/agent_server/.env", "examples/service/service.sqlite", "examples/service/service.sqlite-wal"],
)
def test_no_image_has_secrets_or_runs_that_lie_beside_the_code(secret: str) -> None:
    """By the files that say what a build leaves out."""
    path = Path(secret)
    lines = (SERVICE / "Dockerfile.dockerignore").read_text().splitlines()
    assert any(path.match(line.removeprefix("**/")) for line in lines if line and line[0] != "#")
    beside = ROOT / path.parent / ".dockerignore"
    if beside.exists():
        assert any(Path(path.name).match(line) for line in beside.read_text().split())
