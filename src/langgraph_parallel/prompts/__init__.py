"""Prompts, one Markdown file each, and what puts values into them."""

from langgraph_parallel.prompts.boundary import Messages, compose, fence
from langgraph_parallel.prompts.loader import Prompt, as_prompt, load, load_prompts, names, replaced

__all__ = ["Messages", "Prompt", "as_prompt", "compose", "fence", "load", "load_prompts", "names", "replaced"]
