"""What a model writes for a request: the payload, or what a model without one says it has sent."""

from __future__ import annotations

import json
from typing import Any

from lamella.errors import LamellaError
from lamella.losses import Loss
from lamella.models import Model, ModelRequest, WireModel
from lamella_testing.provider.base import ConformanceBase
from lamella_testing.provider.exchange import ask
from lamella_testing.verdict import fail, run, skip

__all__ = ["Writing"]


class Writing(ConformanceBase):
    """How the tests of encoding come to what is sent."""

    def written(self, request: ModelRequest) -> str:
        """Everything that is sent for a request, as one text; the test is skipped where it cannot be seen."""
        model = self.make_model()
        if isinstance(model, WireModel):
            return as_text(self.encoded(model, request))
        return run(self._sent_for(model, request))

    def encoded(self, model: WireModel, request: ModelRequest) -> dict[str, Any]:
        """The payload; a refusal fails the test."""
        try:
            return model.encode(request)
        except LamellaError as error:
            fail(f"encode() refuses a request that it should take: {type(error).__name__}: {error}")

    def losses(self, model: WireModel, request: ModelRequest) -> list[Loss]:
        """What the encoder reports to have changed or left out."""
        report = model.report(request)
        model.encode(request, report)
        return report.losses

    async def _sent_for(self, model: Model, request: ModelRequest) -> str:
        try:
            known = self.sent(model)
            if known is None:
                skip("the kit cannot see what is sent: override sent(model), or build on WireModel")
            before = len(known)
            found = await ask(model, request)
            if found.error is not None:
                fail(
                    f"stream() refuses a request that it should take: {type(found.error).__name__}: {found.error}"
                )
            return as_text(list(self.sent(model) or ())[before:])
        finally:
            await model.aclose()


def as_text(value: Any) -> str:
    """JSON as one text, to search in; what is no JSON by its ``repr``."""
    return json.dumps(value, ensure_ascii=False, default=repr)
