"""Subjects of options, under which the help lists them."""

PANELS = MODEL_PANEL, OUTPUT_PANEL, LIMITS_PANEL, TRACE_PANEL = "Model", "Output", "Limits", "Traces"
"""In the order of the help."""
