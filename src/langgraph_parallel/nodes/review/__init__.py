"""Review: sectioning over aspects, whose worker is a vote, whose voters are models and static engines."""
