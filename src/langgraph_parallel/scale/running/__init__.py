"""How one row is run: by a function, by a graph, or together with other rows in one run of a graph."""
