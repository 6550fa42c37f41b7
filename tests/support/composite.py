"""Runs the steps of a composite action as a code host does, as far as action.yml here needs it.

Scripts run in bash, with the variables and files that a runner gives them. Other actions are not run, but
recorded with what they are given.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
_EXPRESSION = re.compile(r"\$\{\{\s*([\w.-]+)\s*\}\}")
_BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")


@dataclass
class Job:
    """A job with the action as its only step.

    Attributes:
        folder: of the runner: settings of the event, outputs, the summary.
        variables: of the job.
        used: actions that were used, by name, with their inputs.
        log: what the steps wrote.
        outputs: of the steps, by id.
        code: exit code of the step that failed; 0 if none did.
    """

    folder: Path
    variables: Mapping[str, str]
    used: dict[str, dict[str, str]] = field(default_factory=dict)
    log: str = ""
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    code: int = 0

    def run(self, token: str, **inputs: str) -> "Job":
        """Run the steps in the current folder, up to the first that fails.

        Args:
            token: of the workflow.
            inputs: of the action, with `_` for `-`.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        given = {name.replace("_", "-"): value for name, value in inputs.items()}
        assert given.keys() <= ACTION["inputs"].keys()
        self._known = {"runner.temp": str(self.folder), "github.token": token}
        for name, declared in ACTION["inputs"].items():
            self._known[f"inputs.{name}"] = given.get(name, self._fill(declared["default"]))
        for step in STEPS:
            if self.code == 0 and self._is_due(step.get("if")):
                self._step(step)
        return self

    @property
    def summary(self) -> str:
        """The summary of the job."""
        file = self.folder / "summary"
        return file.read_text() if file.exists() else ""

    def output(self, name: str) -> str:
        """Return an output of the action."""
        return self._fill(ACTION["outputs"][name]["value"])

    def _step(self, step: Mapping[str, Any]) -> None:
        if "uses" in step:
            action = step["uses"].partition("@")[0]
            self.used[action] = {name: self._fill(str(value)) for name, value in step["with"].items()}
            if action == "actions/setup-python":
                self.outputs[step["id"]] = {"python-path": sys.executable}
            return
        if step["name"] == "Install":  # it takes a network; what it makes is a link to what is installed here
            link = self.folder / "langgraph-parallel"
            link.unlink(missing_ok=True)
            link.symlink_to(sys.prefix)
            return
        self._script(step)

    def _script(self, step: Mapping[str, Any]) -> None:
        assert step["shell"] == "bash"
        output = self.folder / "output"
        output.write_text("")
        environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(str(ROOT / name) for name in ("src", ".")),
            "HOME": str(self.folder / "home"),
            "RUNNER_TEMP": str(self.folder),
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            **self.variables,
            **{name: self._fill(value) for name, value in step.get("env", {}).items()},
        }
        done = subprocess.run(
            [*_BASH, step["run"]],
            env=environ,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        self.log += done.stdout
        self.code = done.returncode
        lines = [line.partition("=") for line in output.read_text().splitlines()]
        if "id" in step:
            self.outputs[step["id"]] = {name: value for name, _, value in lines}

    def _is_due(self, condition: str | None) -> bool:
        if condition is None:
            return True
        compared = re.fullmatch(r"([\w.-]+) == '(\w+)'", condition)
        assert compared, condition
        return self._known[compared[1]] == compared[2]

    def _fill(self, text: str) -> str:
        """Put values in the place of expressions."""
        return _EXPRESSION.sub(lambda found: self._value(found[1]), text)

    def _value(self, name: str) -> str:
        parts = name.split(".")
        if parts[0] == "steps":
            return self.outputs.get(parts[1], {}).get(parts[3], "")
        return self._known[name]
