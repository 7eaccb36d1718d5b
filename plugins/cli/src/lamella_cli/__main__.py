"""``python -m lamella_cli`` is ``lamella``."""

from __future__ import annotations

from lamella_cli.main import main

if __name__ == "__main__":
    main()
