"""What an author gives, and how the kit comes to answers: the ground that all conformance tests stand on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Final
from weakref import WeakKeyDictionary

import pytest

from lamella.errors import AgentInputError, AgentSerializationError, InvalidRequestError
from lamella.models import Completion, Model, ModelRequest, WireModel
from lamella_testing.project import empty_project
from lamella_testing.provider.canned import CannedTransport, played
from lamella_testing.provider.exchange import Exchange, ask
from lamella_testing.provider.requests import SCHEMA, answered, asking, kit_tools, of_history
from lamella_testing.provider.samples import Sample
from lamella_testing.verdict import fail, run, skip

__all__ = ["REFUSALS", "ConformanceBase"]

REFUSALS: Final = (AgentInputError, AgentSerializationError, InvalidRequestError)
"""The errors that refuse a request; ``UnsupportedContentError`` is one of them."""

_PROMPTS: Final = {
    "text": "Say hello.",
    "tool": "What is 2 + 3? Use the tool add.",
    "structured": "Name a city, and a number, as JSON.",
}

_recorded: WeakKeyDictionary[type, dict[str, Exchange]] = WeakKeyDictionary()
"""What a class's model answered: each request is asked once, and looked at by many tests."""


class ConformanceBase:
    """Hooks for the author of a provider. Only :meth:`make_model` must be written."""

    samples: ClassVar[Sequence[Sample]] = ()
    """For models over HTTP (``WireModel``): answers of the provider as bytes, and what they say."""

    prompts: ClassVar[Mapping[str, str]] = {}
    """Other words for ``text``, ``tool`` and ``structured``: what makes the model answer, call ``add``, and fill the schema."""

    deterministic: ClassVar[bool] = True
    """Whether the model gives the same answer to the same request. Without it answers are not compared."""

    secret: ClassVar[str | None] = None
    """The key that :meth:`make_model` builds the model with. It must be seen nowhere."""

    endpoints: ClassVar[Mapping[str, bytes]] = {}
    """For models over HTTP: the JSON a server answers to ``embed`` (of two texts), ``count_tokens`` and ``list_models``."""

    unknown_chunk: ClassVar[Mapping[str, Any]] = {
        "type": "conformance.unknown",
        "conformance_unknown": {"a": [1]},
    }
    """For models over HTTP: a chunk of a kind that the provider might invent tomorrow."""

    data_keys: ClassVar[frozenset[str]] = frozenset({"args", "arguments", "input", "parameters"})
    """For models over HTTP: keys of the wire whose objects are the user's data, where no field is unknown."""

    patience: ClassVar[float] = 30.0
    """For models over HTTP: seconds until a test gives up on an answer that does not come."""

    def make_model(self, base_url: str | None = None) -> Model:
        """A new model.

        :param base_url: for models over HTTP: the origin of a server (``http://127.0.0.1:…``) to send to.
            ``None`` where nothing is sent.
        """
        fail(f"write {type(self).__name__}.make_model(self, base_url=None): return a new model of yours")

    def sent(self, model: Model) -> Sequence[Any] | None:
        """For models that are no ``WireModel``: what ``model`` has sent so far, as JSON or text.

        ``None``, the default, says that the kit cannot see it.
        """
        return None

    def error_body(self, status: int, message: str) -> bytes:
        """For models over HTTP: the body of an error status, in the provider's form."""
        return b'{"error": {"message": "%s", "type": "conformance"}}' % message.encode()

    # -- what pytest does with it -------------------------------------------------------------------

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _in_an_empty_project(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
        """No key, no configuration and no proxy but what the author gives."""
        patch = pytest.MonkeyPatch()
        with empty_project(tmp_path_factory.mktemp("conformance"), patch) as folder:
            yield folder

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test for each sample that it can be held against."""
        for argument, fits in _SAMPLES.items():
            if argument in metafunc.fixturenames:
                found = [sample for sample in self.samples if fits(sample)]
                lacking = pytest.param(
                    None,
                    id="none",
                    marks=pytest.mark.skip(reason=f"no sample: give samples with {_LACKS[argument]}"),
                )
                metafunc.parametrize(
                    argument, [pytest.param(sample, id=sample.name) for sample in found] or [lacking]
                )

    # -- models and answers -------------------------------------------------------------------------

    def wire_model(self, base_url: str | None = None) -> WireModel:
        """A new model, if it is one over HTTP; else the test is skipped."""
        model = self.make_model() if base_url is None else self.make_model(base_url)
        if not isinstance(model, WireModel):
            skip("not a model over HTTP (WireModel)")
        return model

    def prompt(self, name: str) -> str:
        """The author's words, else the kit's."""
        return self.prompts.get(name, _PROMPTS[name])

    def request_of(self, sample: Sample) -> ModelRequest:
        """What a sample answers."""
        if sample.request is not None:
            return ModelRequest.of(sample.request, options=asking("-").options)
        if sample.calls:
            return asking(self.prompt("tool"), tools=kit_tools())
        return asking(self.prompt("text"))

    def exchanges(self) -> list[Exchange]:
        """The answers to every request that the model says it can take; for models over HTTP, the samples."""
        model = self.make_model()
        if isinstance(model, WireModel):
            found = [self.exchange(sample) for sample in self.samples if sample.error is None]
        else:
            found = [self.asked(name, request) for name, request in self.good_requests(model).items()]
        if not found:
            skip("no answer to look at: give samples = (Sample(name=…, streamed=…, whole=…), …)")
        return found

    def answers(self) -> list[tuple[Exchange, Completion]]:
        """The exchanges that came to a good end. Those that did not are reported by other tests."""
        found = [(each, done) for each in self.exchanges() if (done := each.completion) is not None]
        if not found:
            skip("no request was answered; see test_requests_are_answered")
        return found

    def asked(self, name: str, request: ModelRequest) -> Exchange:
        """The answer of a new model to a request; asked once for each class."""
        return self._once(name, lambda: run(self._ask(self.make_model(), name, request)))

    def exchange(self, sample: Sample, *, streaming: bool | None = None) -> Exchange:
        """What a new model makes of a sample; played once for each class."""
        streaming = sample.streamed is not None if streaming is None else streaming
        body = sample.streamed if streaming else sample.whole
        if body is None:
            skip(f"the sample {sample.name!r} has no {'streamed' if streaming else 'whole'} body")
        key = f"{sample.name} ({'streamed' if streaming else 'whole'})"
        return self._once(key, lambda: run(self.play(sample, [body], streaming=streaming)))

    async def play(self, sample: Sample, pieces: Sequence[bytes], *, streaming: bool = True) -> Exchange:
        """What a new model makes of these bytes."""
        model = self.wire_model()
        with played(model, pieces):
            return await ask(
                model,
                ModelRequest.of(self.request_of(sample), streaming=streaming),
                name=sample.name,
                sample=sample,
            )

    async def _ask(self, model: Model, name: str, request: ModelRequest) -> Exchange:
        try:
            return await ask(model, request, name=name)
        finally:
            await model.aclose()

    def _once(self, key: str, make: Callable[[], Exchange]) -> Exchange:
        known = _recorded.setdefault(type(self), {})
        if key not in known:
            known[key] = make()
        return known[key]

    @contextmanager
    def answering(self, model: Model) -> Iterator[CannedTransport | None]:
        """A model that can be asked any request: over HTTP, the first good sample is what it answers."""
        if not isinstance(model, WireModel):
            yield None
            return
        sample = next(
            (each for each in self.samples if each.error is None and each.streamed is not None), None
        )
        if sample is None or sample.streamed is None:
            skip("no sample: give samples with a streamed body")
        with played(model, [sample.streamed]) as transport:
            yield transport

    def good_requests(self, model: Model) -> dict[str, ModelRequest]:
        """The requests that the model must be able to take, by name, as its capabilities say."""
        can = model.capabilities
        text = asking(self.prompt("text"))
        found = {
            "text": text,
            "system": asking(self.prompt("text"), system_instruction="Be visible-system brief."),
            "history": of_history(_history(self.prompt("text"))),
        }
        if can.tools:
            turn = answered()
            before = _history(self.prompt("tool"))
            tools = kit_tools()
            found["tools"] = asking(self.prompt("tool"), tools=tools)
            found["tool outputs"] = of_history((*before, turn.call, turn.outputs), tools=tools)
        if can.tools and can.forced_tools:
            found["forced tools"] = asking(self.prompt("tool"), tools=kit_tools(), tool_choice="required")
        if can.structured_output:
            found["structured output"] = asking(self.prompt("structured"), output_schema=SCHEMA)
        return found


def _history(last: str) -> tuple[Any, ...]:
    from lamella.messages import Message

    return (
        Message.user("visible-user-one"),
        Message.assistant("visible-assistant-one"),
        Message.user(f"visible-user-two {last}"),
    )


_SAMPLES: Final[dict[str, Callable[[Sample], bool]]] = {
    "sample": lambda sample: sample.error is None,
    "streamed": lambda sample: sample.streamed is not None and sample.error is None,
    "paired": lambda sample: (
        sample.streamed is not None and sample.whole is not None and sample.error is None
    ),
    "whole": lambda sample: sample.whole is not None and sample.error is None,
    "failing": lambda sample: sample.error is not None,
}
_LACKS: Final = {
    "sample": "the bytes of an answer (models over HTTP)",
    "streamed": "a streamed body (models over HTTP)",
    "paired": "both streamed and whole (models over HTTP)",
    "whole": "a whole body (models over HTTP)",
    "failing": "a failure inside the stream, and its error class (models over HTTP)",
}
