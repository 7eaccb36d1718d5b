"""The seeded providers are modules beside the tests, which pytest inside pytest imports too."""

from __future__ import annotations

import sys
from pathlib import Path

if (here := str(Path(__file__).parent)) not in sys.path:
    sys.path.append(here)
