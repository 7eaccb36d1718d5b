"""A small content type that keeps every law of the kit: colours. A file is ``SWCH``, how many, and three bytes for each."""
