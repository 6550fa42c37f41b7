"""The arguments of the tools, as their input schemas show them: no model, key, limit or root is there."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from langgraph_parallel.errors import UsageError
from langgraph_parallel.report.wording import visible

_PATHS = (
    "relative to the folders that the server may read, or absolute inside of them. Folders are searched; "
    "what .gitignore leaves out is not read there."
)
Documents = Annotated[dict[str, str], Field(description="Documents as text by name.")]
DocumentPaths = Annotated[
    list[str],
    Field(description=f"Text, Markdown, HTML, PDF and .docx files, and folders of them, {_PATHS}"),
]


class Arguments(BaseModel):
    """Arguments of a tool; others are refused."""

    model_config = ConfigDict(extra="forbid")


class ReviewArguments(Arguments):
    """What to review, and how."""

    paths: list[str] = Field([], description=f"Files and folders to review, {_PATHS}")
    since: str = Field(
        "",
        description="A git revision, such as HEAD or main: only changes since then are reviewed, below the "
        "paths if there are any.",
    )
    files: dict[str, str] = Field({}, description="Code as text by path, for files that are not on disk.")
    diff: str = Field("", description="A unified diff: only its new lines are reviewed.")
    aspects: list[Literal["security", "correctness", "performance", "style", "tests", "documentation"]] = (
        Field([], description="Aspects to judge; empty for all six.")
    )
    voters: int = Field(3, ge=1, le=15, description="Model voters for each aspect.")
    min_severity: Literal["low", "medium", "high"] = Field(
        "low", description="Least severity of the findings that are reported."
    )


class BriefArguments(Arguments):
    """What to brief on."""

    documents: Documents = {}
    paths: DocumentPaths = []
    language: str = Field("", description="Language of the briefing; empty for that of most documents.")


class ModerateArguments(Arguments):
    """What to check."""

    text: str = Field(description="The text to check.")
    checks: list[Literal["hate", "spam", "personal_data", "copyright"]] = Field(
        [], description="Checks to run; empty for all four."
    )
    region: str = Field(
        "",
        description="Country code, such as US, whose telephone numbers are also found without a + or a word "
        "such as tel.",
    )


class VoteArguments(Arguments):
    """What to vote on."""

    question: str = Field(description="The question that every voter answers, independently of each other.")
    choices: list[str] = Field([], description="Valid answers; empty for free answers.")
    voters: int = Field(
        0, ge=0, le=100, description="Maximum voters to ask; 0 for 3, or one for each model of the server."
    )
    rule: str = Field("majority", description="Rule that decides, such as majority or threshold(0.7).")
    on_undecided: Literal["return", "ask_person"] = Field(
        "return",
        description="What becomes of an undecided vote: return it, or ask the person at the client, if the "
        "client can (elicitation).",
    )


class FeedbackArguments(Arguments):
    """What to analyse."""

    texts: list[str] = Field(min_length=1, description="The texts: comments, reviews, messages.")
    dimensions: list[Literal["sentiment", "topics", "urgency", "entities"]] = Field(
        [], description="What to analyse; empty for all four."
    )


class ResearchArguments(Arguments):
    """What to find out, and where."""

    question: str = Field(description="The question to answer.")
    documents: Documents = {}
    paths: DocumentPaths = []
    max_topics: int = Field(5, ge=1, le=20, description="Maximum topics in one round.")
    max_rounds: int = Field(2, ge=1, le=5, description="Maximum rounds; each looks into what is missing.")


A = TypeVar("A", bound=Arguments)


def parse_arguments(tool: str, kind: type[A], given: dict[str, Any] | None) -> A:
    """Check the arguments of a call.

    Raises:
        UsageError: one is not valid; the message says what is expected.
    """
    try:
        return kind.model_validate(given or {})
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(map(str, problem["loc"]))
        if problem["type"] == "extra_forbidden":
            known = ", ".join(kind.model_fields)
            raise UsageError(visible(f"{tool} has no argument {place!r}; it takes {known}")) from None
        if problem["type"] == "missing":
            raise UsageError(
                f"{tool} needs the argument {place!r}: {kind.model_fields[place].description}"
            ) from None
        expected = problem["msg"].removeprefix("Input should be ")
        raise UsageError(
            visible(f"{place} of {tool} is {_shown(problem['input'])}; expected {expected}")
        ) from None


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
