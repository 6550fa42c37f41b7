"""Prompts, one Markdown file each, and the code that renders them."""

from langgraph_parallel.prompts.boundary import Messages, compose, fence
from langgraph_parallel.prompts.loader import (
    Prompt,
    PromptLike,
    as_prompt,
    list_prompts,
    load_prompt,
    load_prompts,
    with_replacements,
)

__all__ = [
    "Messages",
    "Prompt",
    "PromptLike",
    "as_prompt",
    "compose",
    "fence",
    "list_prompts",
    "load_prompt",
    "load_prompts",
    "with_replacements",
]
