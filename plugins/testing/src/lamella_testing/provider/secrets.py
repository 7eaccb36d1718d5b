"""Secrets do not travel: the key is in no repr, setting, pickle, error or event."""

from __future__ import annotations

import json
import pickle
import traceback

from lamella.errors import LamellaError
from lamella.models import Model
from lamella_testing.provider.base import ConformanceBase
from lamella_testing.provider.exchange import Exchange, ask
from lamella_testing.provider.requests import asking
from lamella_testing.provider.writing import as_text
from lamella_testing.server import Answer, LoopbackServer
from lamella_testing.verdict import fail, require, run, skip

__all__ = ["SecretContract"]

_UNKNOWN = "conformance_unknown_setting"


class SecretContract(ConformanceBase):
    """What holds of a model's key and settings."""

    def test_the_key_is_in_no_repr(self) -> None:
        """``repr``, ``str`` and ``settings`` can be logged."""
        secret, model = self._secret(), self.make_model()
        for what, text in (
            ("repr()", repr(model)),
            ("str()", str(model)),
            ("settings", as_text(dict(model.settings))),
        ):
            require(
                secret not in text,
                f"{what} of the model shows the key; leave it out, or hold it in a lamella Key",
            )

    def test_the_key_is_in_no_pickle(self) -> None:
        """A model is pickled without its key, or not at all."""
        secret = self._secret()
        try:
            data = pickle.dumps(self.make_model())
        except Exception:
            return  # a refusal; what it says is not the kit's business
        require(
            secret.encode() not in data,
            "the pickled model holds the key; refuse to pickle it, or leave it out",
        )

    def test_the_key_is_in_no_error(self) -> None:
        """A server that repeats the key in its error puts it into no message, context, cause or event."""
        secret = self._secret()
        self.wire_model()
        with LoopbackServer() as server:
            body = self.error_body(401, f"Incorrect API key provided: {secret}.")
            server.answers = [Answer.whole(body, 401)]
            found = run(_asked(self.make_model(server.origin), self.prompt("text")))
        require(server.requests, "make_model(base_url) gave a model that sends nothing to base_url")
        shown = "\n".join([*map(repr, found.events), *_said(found.error)])
        require(
            secret not in shown,
            "the key is in an error; take it out of what the server says (lamella.providers.scrub_error)",
        )

    def test_settings_are_json(self) -> None:
        """``settings`` are recorded with every run."""
        try:
            json.dumps(dict(self.make_model().settings))
        except TypeError as error:
            fail(f"settings hold what is no JSON: {error}; show such values as text")

    def test_unknown_settings_are_refused(self) -> None:
        """A misspelt setting is an error that names it."""
        kind = type(self.make_model())
        try:
            kind(**{_UNKNOWN: 1})
        except TypeError:
            return  # Python's own refusal
        except LamellaError as error:
            require(
                _UNKNOWN in str(error),
                f"{kind.__name__}({_UNKNOWN}=1) fails with {type(error).__name__}: {error}; name the unknown setting",
            )
        except Exception as error:
            fail(
                f"{kind.__name__}({_UNKNOWN}=1) fails with {type(error).__name__}: {error}; raise AgentInputError"
            )
        else:
            fail(f"{kind.__name__}({_UNKNOWN}=1) is taken in silence; refuse settings that do not exist")

    def _secret(self) -> str:
        if self.secret is None:
            skip("no key is declared: give secret = the key that make_model builds the model with")
        return self.secret


async def _asked(model: Model, text: str) -> Exchange:
    try:
        return await ask(model, asking(text))
    finally:
        await model.aclose()


def _said(error: BaseException | None) -> list[str]:
    """All that an error shows: its message, its facts, its causes."""
    if error is None:
        return []
    return [repr(error), str(error), *map(repr, vars(error).values()), *traceback.format_exception(error)]
