"""Any graph from the command line: which one, how it is built, and what goes in and comes out."""
