"""Which findings of engines are confirmed: silence is evidence only where an engine could have spoken."""

import asyncio
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from benchmarks.engines import Program, reported, review, samples
from langgraph_parallel.cli.app import run
from langgraph_parallel.offline.cleared import CLEARED_FORMS, find_cleared
from langgraph_parallel.offline.engines import BANDIT, Hit
from langgraph_parallel.records import SEVERITIES, Claim, Finding, Lines
from langgraph_parallel.reducers.findings.support import VoterScope
from langgraph_parallel.reducers.findings.unite import unite

SAMPLES = {program.path: program for program in samples()}
SEEN = [program for program in SAMPLES.values() if program.category != "unseen"]
CLEARING = {
    "import yaml\n\ndef f(x):\n    return yaml.load(x, Loader=yaml.SafeLoader)\n": "S506",
    "from yaml import load as read, CSafeLoader\n\ndef f(x):\n    return read(x, CSafeLoader)\n": "S506",
    "import yaml\n\ndef f(x):\n    return yaml.dump(x)\n": "S506",
    "import tarfile\n\ndef f(x):\n    t = tarfile.TarFile(x)\n    t.extractall(\n filter='data')\n": "S202",
    "import subprocess as sp\n\ndef f(x):\n    return sp.run([x], shell=None)\n": "S602",
    "import subprocess\n\ndef f(x):\n    return subprocess.Popen([x], shell=[])\n": "S602",
    "import subprocess\n\ndef f(x):\n    return subprocess.Popen([x], shell={})\n": "S602",
    "import ssl\n\ndef f(x):\n    return ssl.SSLContext(ssl.PROTOCOL_TLS)\n": "S323",
}
"""Code that dlint reports and bandit clears, with the rule."""


@cache
def judged() -> dict[str, list[Finding]]:
    """Return the findings of all samples by path; the engines run once for all tests."""
    programs = [Program(f"cleared/{i}.py", text, "", (), False) for i, text in enumerate(CLEARING)]
    return asyncio.run(review([*SAMPLES.values(), *programs]))


@cache
def hits_of_bandit() -> list[Hit]:
    """Return what bandit alone reports in the samples."""
    return asyncio.run(_run_bandit())


async def _run_bandit() -> list[Hit]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for path, program in SAMPLES.items():
            file = Path(folder) / path
            file.parent.mkdir(exist_ok=True)
            file.write_text(program.text)
        return (await BANDIT.run(sorted(SAMPLES), Path(folder)))[0]


@pytest.mark.parametrize("program", SEEN, ids=lambda program: program.path)
def test_a_weakness_that_an_engine_reports_is_confirmed_and_its_safe_form_is_not(program: Program) -> None:
    """The form of the import, and an engine that cannot see it, do not matter."""
    assert reported(judged()[program.path], program.rules)["confirmed"] is program.weak


@pytest.mark.parametrize("path", sorted(path for path in SAMPLES if path.startswith("unseen/")))
def test_what_needs_the_flow_of_data_is_not_reported(path: str) -> None:
    """The engines see calls, not where their arguments come from; nobody claims otherwise."""
    assert not any(finding.confirmed for finding in judged()[path])


def test_a_gate_stops_all_that_bandit_alone_would_stop() -> None:
    """For each hit of bandit, a finding on its line is confirmed, with at least its severity."""
    at = defaultdict(list)
    for path, findings in judged().items():
        for finding in findings:
            for line in range(finding.lines.first, finding.lines.last + 1):
                at[path, line].append(finding)
    hits = hits_of_bandit()
    passed = [hit for hit in hits if not any(_stops(finding, hit) for finding in at[hit.path, hit.first])]
    assert len(hits) > len(SEEN) / 2
    assert passed == []


def _stops(finding: Finding, hit: Hit) -> bool:
    """Return whether a gate at the severity of a hit stops because of a finding of the same rule."""
    assert hit.severity is not None
    return (
        finding.confirmed
        and hit.code in {claim.code for claim in finding.provenance}
        and SEVERITIES.index(finding.gate_severity) <= SEVERITIES.index(hit.severity)
    )


@pytest.mark.parametrize(("number", "text"), list(enumerate(CLEARING)), ids=range(len(CLEARING)))
def test_what_bandit_clears_it_reads_and_passes_and_dlint_reports(number: int, text: str) -> None:
    """Each entry of the table is true of the installed engines: one claims, and the other votes against."""
    found = [f for f in judged()[f"cleared/{number}.py"] if f.rule == CLEARING[text]]
    assert [{claim.source for claim in finding.provenance} for finding in found] == [{"dlint"}]
    assert [(str(f.support), f.dissent, f.confirmed) for f in found] == [("1/2", ["bandit"], False)]


def test_each_form_of_the_table_has_an_example() -> None:
    """No entry is there without being verified against the engines."""
    cleared = {item.rule for text in CLEARING for item in find_cleared("bandit", text)}
    assert cleared == {form.rule for form in CLEARED_FORMS["bandit"]} == set(CLEARING.values())


@pytest.mark.parametrize(
    "text",
    [
        "import yaml\nyaml.load(x)\n",
        "import yaml\nyaml.load(x, Loader=yaml.Loader)\n",
        "import json as yaml\nyaml.load(x, Loader=SafeLoader)\n",
        "import tarfile\nt.extractall(filter='fully_trusted')\n",
        "import zipfile\nt.extractall(filter='data')\n",
        "import subprocess\nsubprocess.run(x, shell=True)\n",
        "import subprocess\nsubprocess.run(x, shell=shell)\n",
        "import ssl\nssl.SSLContext(ssl.PROTOCOL_SSLv3)\n",
        "yaml.load(x, Loader=SafeLoader\n",
        "yaml.dump(" + "(" * 5000,
        "yaml.dump\0",
    ],
)
def test_other_forms_are_not_cleared(text: str) -> None:
    """Unsafe arguments, other modules of the same name, and what cannot be parsed."""
    assert find_cleared("bandit", text) == []


def test_a_warning_about_the_code_under_review_is_not_ours() -> None:
    r"""`"\d"` in a file that is parsed gives no warning here, and a byte order mark is no error."""
    text = "\ufeffimport yaml\nx = '\\d'\nyaml.dump(x)\n"
    assert [(item.rule, str(item.lines)) for item in find_cleared("bandit", text)] == [("S506", "3")]
    assert find_cleared("dlint", text) == []


@pytest.mark.parametrize(
    ("source", "silent", "doubt", "confirmed"),
    [
        ("bandit", 0, None, True),
        ("bandit", 1, None, True),
        ("bandit", 2, None, False),
        ("bandit", 1, "accepted", False),
        ("dlint", 0, None, True),
        ("dlint", 1, None, False),
    ],
)
def test_one_silent_voter_does_not_outvote_bandit(
    source: str, silent: int, doubt: str | None, confirmed: bool
) -> None:
    """Two others that judged the construct do, and a claim in doubt has no such standing."""
    claim = Claim(
        voter="static",
        source=source,
        aspect="security",
        path="a.py",
        lines=Lines(first=1, last=1),
        severity="high",
        message="shell",
        rule="S602",
        doubt=doubt,
    )
    scopes = [VoterScope("security", f"model#{n}", "a.py") for n in range(silent)]
    assert [f.confirmed for f in unite([claim], scopes, upheld=("bandit",))] == [confirmed]


@pytest.mark.parametrize(
    ("text", "fail_on", "code"),
    [
        ("def f(x):\n    import hashlib\n    return hashlib.new('md5', x)\n", "medium", 1),
        ("def f(x):\n    import pickle\n    return pickle.loads(x)\n", "medium", 1),
        ("import yaml\n\ndef f(x):\n    return yaml.load(x, Loader=yaml.SafeLoader)\n", "medium", 0),
    ],
)
def test_the_gate_of_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, fail_on: str, code: int
) -> None:
    """`--fail-on` stops what one engine sees and the other cannot, and passes what the other clears."""
    (tmp_path / "a.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    arguments = ["review", "a.py", "--offline", "--aspects", "security", "--no-keep", "--fail-on", fail_on]
    assert run(arguments) == code
