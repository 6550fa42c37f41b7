"""What `--watch` shows: branches, votes and cost of a run while it goes on."""
