"""The step `Review` of action.yml: one review, which writes the report in all formats that later steps need.

It prints the report as text, and sets the outputs `exit-code`, `markdown`, `json` and `sarif`. It ends with 0
whenever there is a report; the last step of the action ends with the exit code of the review.
"""

import os
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

FORMATS = {"markdown": "review.md", "json": "review.json", "sarif": "review.sarif"}
"""Files by the output that names them."""
READ_OFFLINE = ("*.py", "*.pyi")
"""What static engines read. Where nothing of this has changed, there is nothing to fail for."""


class UsageError(Exception):
    """An input cannot be used, with what to do about it."""


def main(environ: Mapping[str, str] = os.environ) -> int:
    """Review the code in the current folder as the inputs say.

    Returns:
        0 if there is a report, else the exit code of the review.
    """
    folder = Path(tempfile.mkdtemp(prefix="review-", dir=environ.get("RUNNER_TEMP")))
    try:
        command = review_command(environ, folder)
    except UsageError as error:
        print(f"::error::{error}")
        return 2
    code = run_quoted(command)
    written = {name: folder / file for name, file in FORMATS.items() if (folder / file).is_file()}
    with Path(environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as outputs:
        for name, value in {"exit-code": code, **written}.items():
            outputs.write(f"{name}={value}\n")
    if len(written) < len(FORMATS):
        print(f"::error::The review made no report and ended with exit code {code}; its message is above.")
        return code or 2
    return 0


def review_command(environ: Mapping[str, str], folder: Path) -> list[str]:
    """Return the command line of the review.

    Args:
        environ: variables of the step, with the inputs.
        folder: of the reports.

    Raises:
        UsageError: what a pull request changes cannot be told from the checkout.
    """
    program = Path(sys.executable).with_name("langgraph-parallel")
    command = [str(program), "review", "--no-keep", *(f"--also={folder / file}" for file in FORMATS.values())]
    revision, model, fail_on = (
        environ.get(f"INPUT_{name}", "").strip() for name in ("DIFF", "MODEL", "FAIL_ON")
    )
    paths = [line.strip() for line in environ.get("INPUT_PATHS", "").splitlines() if line.strip()]
    if revision == "auto":
        revision = base_of(environ)
    command += [f"--model={model}"] if model else ["--offline"]
    command += [f"--fail-on={fail_on}"] if fail_on else []
    if revision:
        command.append(f"--diff={revision}")
        command += [] if model else [f"--include={glob}" for glob in READ_OFFLINE]
    elif not paths:
        paths = ["."]
    try:
        return [*command, *shlex.split(environ.get("INPUT_ARGS", "")), "--", *paths]
    except ValueError as error:
        raise UsageError(f"The input args cannot be split as in a shell: {error}.") from None


def base_of(environ: Mapping[str, str]) -> str:
    """Return the revision that shows what a pull request changes; empty on other events.

    On `pull_request` the checkout is the merge of both branches, so the changes are those since its first
    parent. Anything else that is checked out would be reviewed in part only, so it is refused.

    Raises:
        UsageError: the checkout is not that merge, or does not have its parents.
    """
    event = environ.get("GITHUB_EVENT_NAME", "")
    if not event.startswith("pull_request"):
        return ""
    if event != "pull_request":
        raise UsageError(
            f"What {event} checks out is not the pull request; use the event pull_request, or set diff."
        )
    if not all(commit_of(f"{revision}^{{commit}}") for revision in ("HEAD^1", "HEAD^2")):
        raise UsageError(
            "The checkout is not a merge commit with its parents: give actions/checkout 'fetch-depth: 2' and "
            "no ref, or set the input diff, such as origin/main...HEAD with 'fetch-depth: 0'."
        )
    return "HEAD^1"


def commit_of(revision: str) -> str:
    """Return the name of the commit; empty if it is not in the checkout."""
    git = shutil.which("git") or "git"
    command = [git, "-c", f"safe.directory={Path.cwd()}", "rev-parse", "--verify", "--quiet", revision]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a list
    return done.stdout.strip()


def run_quoted(command: list[str]) -> int:
    """Run a command whose output quotes the code under review; no line of it can be a workflow command."""
    end = secrets.token_hex(16)
    print(f"::stop-commands::{end}", flush=True)
    try:
        return subprocess.run(command, check=False).returncode  # noqa: S603 - a list
    finally:
        print(f"::{end}::", flush=True)


if __name__ == "__main__":
    sys.exit(main())
