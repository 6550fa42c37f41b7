"""Any graph from the command line: what it takes, what goes in and what comes out."""
