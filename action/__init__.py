"""The scripts of action.yml. They run in an environment that has the package, and are no part of it."""
