"""Prompts, one Markdown file each, and what puts values into them."""

from langgraph_parallel.prompts.boundary import Messages, compose, fence
from langgraph_parallel.prompts.loader import Prompt, load, names, prompt_of, prompts_of, replaced

__all__ = ["Messages", "Prompt", "compose", "fence", "load", "names", "prompt_of", "prompts_of", "replaced"]
