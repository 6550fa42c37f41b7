"""Names and descriptions of tools: what each pattern does, in the words by which a model chooses a tool."""

import re

from langgraph_parallel.arguments import shown
from langgraph_parallel.errors import UsageError

_NAME = re.compile(r"[\w-]{1,64}", re.ASCII)
"""What providers take as the name of a tool."""

_DESCRIPTIONS = {
    "best_of": "Does a task several times, each time in another way, and returns the best result with the "
    "reasons why a judge preferred it.",
    "brainstorm": "Collects ideas on a topic from several independent personas; ideas that are alike are "
    "united, the best come first.",
    "briefing": "Reads many documents at once, and returns one summary with themes, contradictions between "
    "documents, and quotes that were looked up in them.",
    "debate": "Has several voters argue about a question until they agree, and returns their verdict with "
    "its support and who dissents.",
    "feedback": "Finds sentiment, topics and urgency of many texts of customers at once, and counts them.",
    "guarded": "Answers a message while checks of it run; the answer is released only if all checks pass.",
    "labeling": "Labels many texts at once, each by a vote of independent voters; says which labels a person "
    "should check.",
    "map_reduce": "Works on many items at once, and reduces the results to one.",
    "market_study": "Writes a study of a market, with a forecast for each region from several independent "
    "forecasters.",
    "moderation": "Checks a text for unwanted content, such as personal data, hate or spam, and returns a "
    "decision with reasons.",
    "research": "Looks into a question from several sides at once, and returns a report with numbered "
    "references.",
    "review": "Reviews code: several independent voters look for defects, and each finding says how many of "
    "them report it. Pass files, a diff, or both.",
    "scatter_gather": "Sends one request to several sources at once, and returns the answer of each.",
    "sectioning": "Divides a text into sections, works on all of them at once, and joins the results.",
    "voting": "Puts one question to several independent voters, and returns what they decide, how many of "
    "them agree, and why the others do not. For judgements that must be reliable.",
}
_ARGUMENTS = {
    ("briefing", "documents"): "The text of each document, by its name.",
    ("feedback", "texts"): "The texts.",
    ("labeling", "items"): "The texts to label.",
    ("map_reduce", "items"): "The items.",
    ("market_study", "material"): "Texts on the market, for all sections.",
    ("research", "files"): "Texts to search for answers.",
    ("scatter_gather", "request"): "What every source is asked.",
    ("voting", "question"): "What the voters answer, independently of each other; it must stand alone.",
}
"""Of inputs that have several forms, where a model fills in one."""
_ANSWER = " The answer is short; it ends with the id of the run, under which all details can be read."


def describe_kind(kind: str) -> str:
    """Return the description of a tool that runs a graph of this pattern."""
    return _DESCRIPTIONS.get(kind, f"Runs {kind}.") + _ANSWER


def describe_argument(kind: str, key: str) -> str | None:
    """Return the description of an argument; None if that of the graph's input says it."""
    return _ARGUMENTS.get((kind, key))


def check_name(name: str) -> str:
    """Check the name of a tool, and return it.

    Raises:
        UsageError: a provider would refuse it.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"the tool's name is {shown(name)}; expected 1 to 64 letters, digits, _ and -: pass name="
        )
    return name
