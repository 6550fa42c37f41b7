"""The step `Report` of action.yml: one comment on the pull request, written once and then updated.

A comment is known by a mark at its start that nobody sees, and by its author, so that no other comment is
ever changed. Where it cannot be written, as on pull requests from forks, whose token may only read, the
report goes into the summary of the job. Whether the job fails is not decided here.
"""

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

MOST = 65_536
"""Characters that a comment may hold, counted here in bytes, of which there are never fewer."""
_PASSING = {408, 429}
_ATTEMPTS = 4
_TIMEOUT = 30
"""Seconds for a request."""


def main(environ: Mapping[str, str] = os.environ) -> int:
    """Publish the report that the variable `REPORT` names.

    Returns:
        The exit code: 2 if an input is not valid, else 0.
    """
    report = Path(environ["REPORT"]).read_text(encoding="utf-8")
    name = environ.get("INPUT_NAME", "")
    if not re.fullmatch(r"\w[\w .]{0,49}", name):
        print("::error::The input name is not valid: expected 1 to 50 letters, digits, spaces, dots and _.")
        return 2
    event = json.loads(Path(environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
    pull_request = event.get("pull_request")
    if environ.get("INPUT_COMMENT") != "true" or not pull_request:
        summarize(report, environ)
        return 0
    mark = f"<!-- langgraph-parallel: {name} -->\n"
    run = "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}".format_map(environ)
    foot = f"\nCommit {pull_request['head']['sha'][:12]}, [run]({run})\n"
    body = mark + cut(report, MOST - len((mark + foot).encode()), run) + foot
    if len(report.encode()) > len(body.encode()):
        summarize(report, environ)
    try:
        with _client(environ) as client:
            Comments(client, environ["GITHUB_REPOSITORY"], pull_request["number"]).publish(mark, body)
    except httpx2.HTTPError as error:
        print(_explain(error))
        summarize(report, environ)
    return 0


class Comments:
    """The comments on a pull request."""

    def __init__(self, client: httpx2.Client, repository: str, number: int) -> None:
        """Name the pull request.

        Args:
            client: of the API.
            repository: with its owner, as `owner/name`.
            number: of the pull request.
        """
        self._client = client
        self._repository = f"repos/{repository}"
        self._all = f"{self._repository}/issues/{number}/comments"

    def publish(self, mark: str, body: str) -> None:
        """Update our comment with a mark, or write it. Passing failures are retried.

        Each attempt looks for the comment again: a request that seemed to fail may have written it.

        Raises:
            httpx2.HTTPError: the API refuses, or cannot be reached.
        """
        wait = wait_exponential_jitter(initial=1, max=20)
        for attempt in Retrying(
            retry=retry_if_exception(_is_passing), stop=stop_after_attempt(_ATTEMPTS), wait=wait, reraise=True
        ):
            with attempt:
                own = self._find(mark)
                if own is None:
                    self._send("POST", self._all, json={"body": body})
                else:
                    self._send("PATCH", f"{self._repository}/issues/comments/{own}", json={"body": body})

    def _find(self, mark: str) -> int | None:
        """Return the id of our comment with a mark; None if there is none."""
        login = self._login()
        url: str | None = f"{self._all}?per_page=100"
        while url is not None:
            page = self._send("GET", url)
            for comment in page.json():
                author = comment.get("user") or {}  # an account that was deleted
                is_ours = author.get("login") == login if login else author.get("type") == "Bot"
                if is_ours and comment["body"].startswith(mark.strip()):
                    return int(comment["id"])
            url = page.links.get("next", {}).get("url")
        return None

    def _login(self) -> str | None:
        """Return who we are; None if the token is that of an app, as in workflows, which cannot ask."""
        answer = self._client.get("user")
        return str(answer.json()["login"]) if answer.is_success else None

    def _send(self, method: str, url: str, **content: Any) -> httpx2.Response:
        return self._client.request(method, url, **content).raise_for_status()


def cut(report: str, most: int, run: str) -> str:
    """Return as much of a report as fits, up to an empty line outside of code; if it is cut, it says so.

    Args:
        report: Markdown.
        most: bytes of what is returned.
        run: address of the run, whose summary has the whole report.
    """
    if len(report.encode()) <= most:
        return report
    note = f"\n> The report is longer than a comment may be; [the summary of the run]({run}) has all of it.\n"
    room, size, end, fence = most - len(note.encode()), 0, 0, ""
    lines = report.splitlines(keepends=True)
    for number, line in enumerate(lines):
        size += len(line.encode())
        if size > room:
            break
        ticks = re.match(r"`{3,}", line)
        if ticks and not fence:
            fence = ticks[0]
        elif fence and line.startswith(fence) and not line.strip("`\n"):
            fence = ""
        if not fence and not line.strip():
            end = number + 1
    return "".join(lines[:end]) + note


def summarize(report: str, environ: Mapping[str, str]) -> None:
    """Append a report to the summary of the job; a host without one still has it in the log."""
    if file := environ.get("GITHUB_STEP_SUMMARY"):
        with Path(file).open("a", encoding="utf-8") as summary:
            summary.write(report)


def _client(environ: Mapping[str, str]) -> httpx2.Client:
    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {environ.get('INPUT_TOKEN', '')}",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    return httpx2.Client(
        base_url=environ["GITHUB_API_URL"], headers=headers, timeout=_TIMEOUT, follow_redirects=True
    )


def _is_passing(error: BaseException) -> bool:
    """Return whether a request may succeed later: the server failed, or asks for patience."""
    if not isinstance(error, httpx2.HTTPStatusError):
        return isinstance(error, httpx2.TransportError)
    answer = error.response
    return answer.is_server_error or answer.status_code in _PASSING or "retry-after" in answer.headers


def _explain(error: httpx2.HTTPError) -> str:
    """Return the command of the runner that shows why there is no comment; a fork is no cause to warn."""
    there = "The report is in the summary of the job."
    if not isinstance(error, httpx2.HTTPStatusError):
        cause = " ".join(str(error).split())
        return f"::warning::No comment: the code host cannot be reached ({cause}). {there}"
    status = error.response.status_code
    if status == httpx2.codes.FORBIDDEN:
        needs = (
            "A comment needs 'permissions: pull-requests: write', which pull requests from forks do not get."
        )
        return f"::notice::No comment: the token may not write it. {there} {needs}"
    return f"::warning::No comment: the code host answered {status}. {there}"


if __name__ == "__main__":
    sys.exit(main())
