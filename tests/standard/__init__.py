"""LangChain's own suites, run on a governed model."""
