"""What acts inside the graphs: planners, the scatter, branches, leaves, joins and closers."""
