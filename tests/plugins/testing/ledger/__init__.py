"""A correct run store, to seed defects in: a file of JSON lines for each run, and one that says who writes it."""
