"""Statistics of paired scores: tests, intervals, and intervals that hold while one looks. Pure."""
