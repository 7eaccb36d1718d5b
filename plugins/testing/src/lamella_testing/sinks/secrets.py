"""The secret in the settings is seen nowhere."""

from __future__ import annotations

import pytest

from lamella_testing.seen import logged, text_of_error
from lamella_testing.sinks.base import SinkBase
from lamella_testing.sinks.stories import stories
from lamella_testing.verdict import require, skip

__all__ = ["SecretContract"]


class SecretContract(SinkBase):
    """What holds of secrets."""

    def test_the_secret_is_seen_nowhere(self, capfd: pytest.CaptureFixture[str]) -> None:
        """Not in a repr, a log record, an error, or what is printed."""
        if not self.secret:
            skip("secret is not set: give the key or password in the settings, if there is one")
        capfd.readouterr()
        shown: dict[str, str] = {}

        async def used() -> None:
            sink = self.make_sink()
            shown["the repr of the sink"] = f"{sink!r} {sink}"
            for told in stories()[:3]:
                await self.give(sink, told.events)
            shown["the repr of a sink that was used"] = f"{sink!r} {sink}"
            if hasattr(sink, "load"):
                try:
                    await sink.load("nobody")
                except Exception as error:
                    shown["the error of load()"] = text_of_error(error)
            self.break_storage()
            broken = self.make_sink()
            try:
                await broken.open()
                try:
                    await broken.write(stories()[0].events)
                finally:
                    await broken.close()
            except Exception as error:
                shown["the error of a sink that cannot write"] = text_of_error(error)

        with logged() as lines:
            self.play(used)
        printed = capfd.readouterr()
        shown["the log"] = "\n".join(lines)
        shown["what is printed"] = printed.out + printed.err
        seen = [where for where, text in shown.items() if self.secret in text]
        require(
            not seen,
            f"the secret is in {', '.join(seen)}; keep it in a field with repr=False, and take it out of URLs and of the "
            "texts of errors",
        )
