"""``python -m lamella_sim --port 8000 [--script FILE]``: serve until Ctrl-C."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Sequence

from lamella.errors import ConfigError
from lamella_sim.server import SimServer

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the server; the exit code is 2 when it cannot start."""
    options = _parser().parse_args(argv)
    try:
        server = SimServer(
            options.script,
            host=options.host,
            port=options.port,
            delay=options.delay,
            require_key=options.require_key,
            reasoning=options.reasoning,
        ).start()
    except ConfigError as error:
        sys.stderr.write(f"lamella-sim: {error}\n")
        return 2
    try:
        sys.stdout.write(f"lamella-sim: offline simulator, no model behind it; base URL {server.base_url}\n")
        sys.stdout.flush()
        threading.Event().wait()
    except KeyboardInterrupt:
        return 0
    finally:
        server.stop()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lamella_sim", description="Serve the offline simulator as the vendors' wires."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on, 0 for a free one")
    parser.add_argument("--script", default=None, help="TOML script to play; the rules answer without one")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each chunk of a stream")
    parser.add_argument("--require-key", action="store_true", help="answer 401 without a key")
    parser.add_argument(
        "--reasoning", action="store_true", help="replies by rule begin with a reasoning summary"
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
