"""Prompts, settings of a project and recorded votes are read or refused clearly."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import example, given
from hypothesis import strategies as st

from langgraph_parallel.cli.recorded_votes import read_votes
from langgraph_parallel.cli.replaying import Replaying
from langgraph_parallel.cli.review.configuration import KEYS, read_configuration
from langgraph_parallel.errors import PromptError, UsageError
from langgraph_parallel.prompts import as_prompt, load_prompts
from tests.support.fuzzing import JSON_SCALARS, fuzz, json_values, mutated, result_or_error

PROMPT = st.lists(
    st.sampled_from(
        ["{text}", "{question}", "{", "}", "{{text}}", "{}", "{a b}", "# Head\n", "\n\n", "The:\n\n", "é"]
    )
).map("".join)


@given(
    mutated(PROMPT, ("{", "}", "{text}", "\ud800", "\x00", ".md", "\n")),
    st.dictionaries(st.sampled_from(["text", "question", "x"]), st.text(max_size=5) | PROMPT, max_size=3),
)
@example("a\x00b.md", {})
@fuzz
def test_a_prompt_is_rendered_or_refused(text: str, values: dict[str, str]) -> None:
    """A prompt of a user is rendered with exactly the given values, or refused in one line."""
    prompt = result_or_error(lambda: as_prompt(text), PromptError, quoted=6 * len(text))
    result_or_error(lambda: load_prompts("moderation", {"check": text}), PromptError, quoted=6 * len(text))
    result_or_error(lambda: as_prompt(Path(text)), PromptError, quoted=6 * len(text))
    if prompt is not None:
        rendered = result_or_error(lambda: prompt.render(values), PromptError, quoted=6 * len(text))
        assert rendered is None or prompt.variables == values.keys()
        assert isinstance(prompt.title, str)
        prompt.without(list(values))


VALUES = st.sampled_from(
    [
        *('"high"', "'low'", '["security"]', "[]", "[1]", "{}", "true", "1", "9" * 5000, "nan", "1979-05-27"),
        *('["B101", "S"]', '[["a"]]', '"\\ud800"', '["' + "a" * 5000 + '"]', "[" * 2000 + "]" * 2000),
    ]
)
LINES = st.builds("{} = {}\n".format, st.sampled_from([*KEYS, "fail_on", "model", '"a b"', "x.y"]), VALUES)
TABLES = st.builds(
    "{}{}".format,
    st.sampled_from(
        [
            "[tool.langgraph-parallel]\n",
            "[tool]\nlanggraph-parallel = 1\n",
            "[[tool.langgraph-parallel]]\n",
            "tool = 1\n",
            "[project]\n",
        ]
    ),
    st.lists(LINES, max_size=4).map("".join),
)


@given(
    mutated(
        TABLES, ("[", "]", "=", '"', "'''", "\n", "\x00", "#", "\\", "0" * 30, "[tool.langgraph-parallel]")
    )
)
@example("[tool.langgraph-parallel]\nignore = " + "9" * 5000)
@example("[tool.langgraph-parallel]\nignore = " + "[" * 5000 + "]" * 5000)
@fuzz
def test_settings_of_a_project_are_read_or_refused(text: str) -> None:
    """A pyproject.toml in whatever state gives settings, or one line that says what is wrong in it."""
    with TemporaryDirectory() as folder:
        Path(folder, "pyproject.toml").write_text(text, encoding="utf-8", errors="surrogatepass")
        configuration = result_or_error(
            lambda: read_configuration(Path(folder)), UsageError, quoted=6 * len(text)
        )
    if configuration is not None:
        assert set(configuration.values) <= set(KEYS)


ANSWERS = st.one_of(JSON_SCALARS, json_values(st.sampled_from(["a", "b"])))
VOTES = st.one_of(
    st.fixed_dictionaries(
        {"votes": st.dictionaries(st.text(max_size=3), ANSWERS, max_size=4)}, optional={"gold": ANSWERS}
    ),
    st.fixed_dictionaries({"samples": st.lists(ANSWERS, max_size=5)}, optional={"gold": ANSWERS}),
    st.fixed_dictionaries(
        {
            "ballots": st.lists(
                st.fixed_dictionaries(
                    {"voter": st.just("v"), "status": st.sampled_from(["cast", "abstained", "failed"])},
                    optional={"choice": ANSWERS, "order": st.integers(0, 3), "confidence": JSON_SCALARS},
                ),
                max_size=4,
            )
        }
    ),
)
FILES = st.lists(VOTES.map(json.dumps), max_size=3).map("\n".join)


@given(
    mutated(FILES, ("{", "}", "[", '"', "\n", "\x00", "NaN", "9" * 5000, "1e999", "\\ud800", "null", "\x85")),
    st.sampled_from(["majority", "median", "union", "borda", "medoid"]),
)
@example('{"samples": [' + "[" * 900 + "]" * 900 + "]}", "majority")
@example('{"samples": ["\\ud800", "\\ud800"]}', "majority")
@fuzz
def test_recorded_votes_are_replayed_or_refused(text: str, rule: str) -> None:
    """A file of votes is replayed under a rule, or refused with the line that is wrong."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "votes.jsonl")
        file.write_text(text, encoding="utf-8", errors="surrogatepass")
        result_or_error(
            lambda: Replaying.of(rule, orders=1).trials(read_votes(file)), UsageError, quoted=6 * len(text)
        )
