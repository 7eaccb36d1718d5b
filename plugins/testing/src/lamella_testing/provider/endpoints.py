"""Embeddings, token counts and the model list: there as declared, and refused where they are not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from lamella.errors import InvalidRequestError, LamellaError
from lamella.models import Embedding, Model, ModelRequest, TokenCount, WireModel
from lamella.specs import ModelInfo
from lamella_testing.guards import NetworkUsed
from lamella_testing.provider.base import ConformanceBase
from lamella_testing.provider.canned import unsent
from lamella_testing.provider.requests import asking
from lamella_testing.server import Answer, LoopbackServer
from lamella_testing.verdict import fail, require, run, skip

__all__ = ["EndpointContract"]

_TEXTS: Final = ("a conformance text", "another one")


class EndpointContract(ConformanceBase):
    """What holds of the other endpoints of a provider."""

    def test_embeddings(self) -> None:
        """``embed`` gives one vector for each text in order, or is refused."""
        found = self._endpoint("embeddings", "embed", lambda model: model.embed(_TEXTS))
        require(
            isinstance(found, Sequence) and all(isinstance(each, Embedding) for each in found),
            f"embed() returned {found!r:.200}; return a list of lamella.Embedding",
        )
        places, sizes = [each.index for each in found], {len(each.vector) for each in found}
        require(
            places == [0, 1] and len(sizes) == 1 and sizes != {0},
            f"embed() of two texts gave the indexes {places} and vectors of {sorted(sizes)} numbers; give one "
            "vector of the same length for each text, in order",
        )

    def test_list_models(self) -> None:
        """``list_models`` names models, or is refused."""
        found = self._endpoint("list_models", "list_models", lambda model: model.list_models())
        require(
            isinstance(found, Sequence) and found and all(isinstance(each, ModelInfo) for each in found),
            f"list_models() returned {found!r:.200}; return at least one lamella.ModelInfo",
        )

    def test_count_tokens(self) -> None:
        """``count_tokens`` counts; a model that does not declare it may estimate, and says so."""
        request = asking(self.prompt("text"))
        model = self.make_model()
        if not model.capabilities.count_tokens:
            counted = run(_counted_unsent(model, request))
            require(
                counted is None or counted.estimated,
                "count_tokens is not declared, but a count is given as exact; mark it estimated=True, or declare "
                "Capabilities(count_tokens=True)",
            )
            return
        found = self._endpoint("count_tokens", "count_tokens", lambda model: model.count_tokens(request))
        require(
            isinstance(found, TokenCount) and found.tokens > 0,
            f"count_tokens() returned {found!r:.200}; return lamella.models.TokenCount(tokens=…, estimated=…)",
        )

    # -- how -------------------------------------------------------------------------------------------

    def _endpoint(self, capability: str, method: str, call: Any) -> Any:
        """What a method returns; an undeclared one must be refused, and the test ends there."""
        model = self.make_model()
        if not getattr(model.capabilities, capability):
            error = run(_refused(model, call))
            require(
                isinstance(error, InvalidRequestError),
                f"{capability} is not declared, but {method}() "
                f"{'gives an answer' if error is None else f'raises {type(error).__name__}: {error}'}; declare it, "
                f"or leave {method}() out: Model refuses it with InvalidRequestError",
            )
            skip(f"{capability} is not declared, and refused as it should be")
        require(
            getattr(type(model), method) is not getattr(Model, method),
            f"{capability} is declared, but {method}() is not there; write it, or declare "
            f"Capabilities({capability}=False)",
        )
        if not isinstance(model, WireModel):
            return run(_called(model, call, capability))
        if method not in self.endpoints:
            skip(
                f"{capability} is declared: give endpoints = {{{method!r}: b'…'}}, the JSON a server answers"
            )
        with LoopbackServer() as server:
            server.answers = [Answer.whole(self.endpoints[method])]
            return run(_called(self.make_model(server.origin), call, capability))


async def _refused(model: Model, call: Any) -> BaseException | None:
    try:
        with unsent(model):
            await call(model)
    except (Exception, NetworkUsed) as error:
        return error
    finally:
        await model.aclose()
    return None


async def _called(model: Model, call: Any, capability: str) -> Any:
    try:
        return await call(model)
    except LamellaError as error:
        fail(f"{capability} is declared, but it fails with {type(error).__name__}: {error}")
    finally:
        await model.aclose()


async def _counted_unsent(model: Model, request: ModelRequest) -> TokenCount | None:
    try:
        with unsent(model):
            return await model.count_tokens(request)
    except InvalidRequestError:
        return None
    except NetworkUsed:
        fail(
            "count_tokens is not declared, but it asks the provider; declare Capabilities(count_tokens=True)"
        )
