"""Results of branches, joined into one."""
