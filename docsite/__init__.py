"""Pages of the documentation that are written by a program, from docstrings, options, settings and errors.

uv run python -m docsite           # writes them into docs/
uv run python -m docsite --check   # says which are not up to date
uv run python -m docsite.build     # builds the site into site/, strictly
"""
