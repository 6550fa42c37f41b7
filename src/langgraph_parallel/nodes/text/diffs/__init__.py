"""A reader of diffs that accounts for every line: it is read, known to say nothing of code, or named."""
