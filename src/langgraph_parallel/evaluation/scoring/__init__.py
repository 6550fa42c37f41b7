"""Scores of answers, between 0 and 1: by rules, by a model with a rubric, or by a model that compares."""
