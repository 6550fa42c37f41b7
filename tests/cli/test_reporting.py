"""What of a review the command line reports: filters, settings of a project, and paths."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from langgraph_parallel.cli.app import run
from langgraph_parallel.cli.review.configuration import KEYS, Configuration, read_configuration
from langgraph_parallel.cli.review.reporting import Reporting
from langgraph_parallel.cli.review.source import Source
from langgraph_parallel.errors import UsageError
from tests.cli.support import UNSAFE, write

TABLE = "[tool.langgraph-parallel]\n"
SECURITY = ["--aspects", "security", "--summary", "none", "--no-keep"]


def below(*paths: str, revision: str | None = None) -> str:
    """Return the folder that a report shows paths relative to."""
    return Source(paths, revision, [], []).below


def rules(capsys: pytest.CaptureFixture[str]) -> set[str]:
    """Return the rules in the JSON report that was printed."""
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return {finding["rule"] for finding in report["findings"]}


def test_filters_apply_to_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    """They say what is left out; `--fail-on` obeys `--ignore`, but not `--min-severity`."""
    write({"a.py": UNSAFE})
    assert run(["review", "a.py", *SECURITY, "--min-severity", "medium", "--format", "json"]) == 0
    assert rules(capsys) == {"S602"}
    assert run(["review", "a.py", *SECURITY, "--ignore", "S602", "--fail-on", "medium"]) == 0
    assert "Left out, and shown without these settings: 1 finding by ignore = S602" in capsys.readouterr().out
    assert run(["review", "a.py", *SECURITY, "--min-severity", "high", "--fail-on", "low"]) == 1
    assert "1 finding below --min-severity also fail --fail-on" in capsys.readouterr().err
    assert run(["review", "a.py", *SECURITY, "--select", "B404"]) == 0
    assert "1 finding: 1 low; 1 left out." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("mark", "code"), [("# noqa", 1), ("# noqa: S602", 1), ("# nosec", 0), ("# nosec # noqa", 0)]
)
def test_a_gate_knows_the_marks_that_bandit_knows(
    mark: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bandit alone would stop at a line that is marked for others; the report has it in doubt."""
    write({"a.py": UNSAFE.replace("shell=True)", f"shell=True)  {mark}")})
    assert run(["review", "a.py", *SECURITY, "--ignore", "B404", "--fail-on", "low"]) == code
    said = capsys.readouterr()
    assert "the code marks this line as accepted" in " ".join(said.out.split())
    assert ("1 finding marked by noqa, which bandit does not read" in said.err) is bool(code)


def test_a_gate_goes_by_the_severity_of_the_engine(capsys: pytest.CaptureFixture[str]) -> None:
    """Bandit calls every weak hash high; the report says medium unless it hashes a secret."""
    write({"a.py": "import hashlib\n\nprint(hashlib.md5(b'cache key').hexdigest())\n"})
    assert run(["review", "a.py", *SECURITY, "--fail-on", "high"]) == 1
    said = capsys.readouterr()
    assert said.out.startswith("1 finding: 1 medium.")
    assert "1 finding of lower severity in the report than by the engine also fail --fail-on" in said.err


def test_all_shows_each_finding(capsys: pytest.CaptureFixture[str]) -> None:
    """By default repeats are one line."""
    write({"a.py": "".join(f"x{number} = eval(input())\n" for number in range(30))})
    run(["review", "a.py", *SECURITY])
    folded = capsys.readouterr().out
    assert "lines 1, 2, 3, 4, 5 and 25 more" in folded
    assert "--all" in folded
    run(["review", "a.py", *SECURITY, "--all"])
    assert capsys.readouterr().out.count("= eval(input())") == 30


def test_a_project_sets_what_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    """The nearest pyproject.toml upward from the argument that has the table; the command line wins."""
    write(
        {
            "pyproject.toml": f"{TABLE}min-severity = 'high'\nignore = ['S404']\naspects = ['security']\n",
            "src/pyproject.toml": "[project]\nname = 'x'\n",
            "src/a.py": UNSAFE,
        }
    )
    assert run(["review", "src", "--summary", "none", "--no-keep", "--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [aspect["name"] for aspect in report["aspects"]] == ["security"]
    assert [finding["rule"] for finding in report["findings"]] == ["S602"]
    (left,) = report["left_out"]
    assert left["by"] == f"ignore = S404 in {Path.cwd() / 'pyproject.toml'}"
    options = ["--min-severity", "low", "--ignore", "F", "--format", "json"]
    assert run(["review", "src", *SECURITY, *options]) == 0
    assert rules(capsys) == {"S602", "S404"}


def test_the_gate_of_a_project_holds(capsys: pytest.CaptureFixture[str]) -> None:
    """`fail-on` of the table sets the exit code, unless the command line says another."""
    write({"pyproject.toml": f"{TABLE}fail-on = 'low'\n", "a.py": "import subprocess\n"})
    assert run(["review", "a.py", *SECURITY]) == 1
    assert run(["review", "a.py", *SECURITY, "--fail-on", "high"]) == 0


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("min_severity = 'low'", "there is no setting 'min_severity'; did you mean 'min-severity'?"),
        ("igmore = []", "there is no setting 'igmore'; did you mean 'ignore'?"),
        ("model = 'x'", "there is no setting 'model'; choose from aspects, ignore, select, fail-on, min-sev"),
        ("min-severity = 'grave'", "min-severity is 'grave'; expected one of high, medium, low"),
        ("fail-on = ['low']", "fail-on is ['low']; expected one of"),
        ("select = 'S'", "select is 'S'; expected a list of texts"),
        (
            "ignore = ['secruity']",
            "ignore: 'secruity' is neither an aspect nor a rule; did you mean 'security'?",
        ),
        ("aspects = ['speed']", "aspects: 'speed' is not valid; choose from security"),
        ("aspects = ['../x.md']", "aspects: '../x.md' is not valid"),
        ("x = ", "pyproject.toml is not TOML"),
    ],
)
def test_a_wrong_setting_is_one_error(table: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It names the file, the setting, and the nearest name or what is expected; nothing is reviewed."""
    write({"pyproject.toml": f"{TABLE}{table}\n", "a.py": UNSAFE})
    assert run(["review", "a.py"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert str(Path.cwd() / "pyproject.toml") in error
    assert error.count("\n") == 1


def test_other_files_do_not_concern_a_review() -> None:
    """A pyproject.toml without the table, or that is not TOML, is passed over for the next one upward."""
    write(
        {
            "pyproject.toml": f"{TABLE}select = ['S']\n",
            "a/pyproject.toml": "[tool.ruff]\n",
            "a/b/pyproject.toml": "= broken",
            "a/b/c/pyproject.toml": b"\xff",
            "a/b/c/d/pyproject.toml": "tool = 3\n",
        }
    )
    found = read_configuration(Path("a/b/c/d"))
    assert (found.file, found.names("select")) == (Path.cwd() / "pyproject.toml", ["S"])


def test_a_table_must_be_one() -> None:
    """A value in its place is refused."""
    write({"pyproject.toml": "[tool]\nlanggraph-parallel = 3\n"})
    with pytest.raises(UsageError, match="it is int; expected a table"):
        read_configuration(Path())


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (
            ["--select", "securty"],
            "--select: 'securty' is neither an aspect nor a rule; did you mean 'security'?",
        ),
        (["--ignore", "Q000"], "--ignore: 'Q000' is neither an aspect nor a rule"),
        (["--ignore", "S1,,S2"], "--ignore has an empty name"),
        (["--ignore", "S1,S1"], "--ignore has 'S1' twice"),
        (["--min-severity", "grave"], "--min-severity"),
    ],
)
def test_a_wrong_filter_is_one_error(
    option: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Prefixes, rules and engines' own codes are known, and names of the caller's own aspects."""
    write({"a.py": UNSAFE})
    assert run(["review", "a.py", *option]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("selector", ["S", "s6", "S602", "B602", "DUO116", "PLE", "unreachable-code", "tone"])
def test_rules_and_own_aspects_can_be_selected(selector: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An engine's own code stands for the rule that it implements."""
    write({"tone.md": "# Tone\n\nBe kind.\n"})
    assert run(["review", "missing.py", "--aspects", "security,tone.md", "--select", selector]) == 2
    assert "there is no file or folder missing.py" in capsys.readouterr().err


def test_paths_are_relative_to_the_argument(tmp_path: Path) -> None:
    """To a folder, to the folder of a file, and to what several have in common; those of diffs stay."""
    write({"pkg/a/x.py": "", "pkg/b/y.py": "", "z.py": ""})
    assert below("pkg") == "pkg"
    assert below("pkg/a/") == "pkg/a"
    assert below("pkg/a/x.py") == "pkg/a"
    assert below("pkg/a", "pkg/b/y.py") == "pkg"
    assert below("pkg", "z.py") == ""
    assert below("z.py") == below(".") == below("-") == below() == ""
    assert below("pkg", revision="HEAD") == ""
    assert below(str(tmp_path / "pkg")) == "pkg"
    assert below("..") == str(tmp_path.parent)
    assert below("pkg", "/usr") == ""


def test_a_report_shows_paths_below_the_argument_and_json_those_of_the_record(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The report says what they are relative to."""
    write({"far/away/pkg/a.py": UNSAFE})
    run(["review", "far/away", *SECURITY])
    out = capsys.readouterr().out
    assert "Paths are relative to far/away." in out
    assert "\npkg/a.py\n" in out
    run(["review", "far/away", *SECURITY, "--format", "json"])
    assert {finding["path"] for finding in json.loads(capsys.readouterr().out)["findings"]} == {
        "far/away/pkg/a.py"
    }


def test_the_settings_are_in_the_guide() -> None:
    """Each key of the table is documented."""
    guide = (Path(__file__).parents[2] / "docs" / "guides" / "command-line.md").read_text()
    assert all(f"`{key}`" in guide for key in KEYS)


def test_a_resumed_run_reports_as_it_began() -> None:
    """Its filters, gate and folder are stored with it; what is given now wins, and comes from no file."""
    table = Configuration({"ignore": ["S1"], "fail-on": "low", "select": ["S"]}, Path("pyproject.toml"))
    began = Reporting(min_severity="low", below="src").completed_by(table)
    assert began.origin == {
        "ignore": "pyproject.toml",
        "fail-on": "pyproject.toml",
        "select": "pyproject.toml",
    }
    stored = json.loads(json.dumps(dataclasses.asdict(began)))
    assert Reporting().completed_by_run(stored) == began
    resumed = Reporting(min_severity="high", ignore=["S2"]).completed_by_run(stored)
    assert (resumed.min_severity, resumed.select, resumed.fail_on) == ("high", ["S"], "low")
    assert (resumed.ignore, resumed.below) == (["S2"], "src")
    assert resumed.origin == {"fail-on": "pyproject.toml", "select": "pyproject.toml"}
    assert Reporting().completed_by_run({}) == Reporting()
