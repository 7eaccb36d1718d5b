"""One module per form, with ``read`` and ``write``."""
