"""``ToolRuntime``: hidden from the model, injected, nothing shadowed, nothing shown."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Annotated, Any, Optional, Union

import pytest

import lamella
from lamella import AgentInputError, AgentToolCallError, Tool, ToolCallBlock, ToolRuntime

if TYPE_CHECKING:
    from lamella import ToolRuntime as OnlyChecked

RT = ToolRuntime
MaybeRuntime = Optional[ToolRuntime]  # noqa: UP045


def plain(runtime: ToolRuntime, q: str) -> Any:
    return runtime.key


def text(runtime: "ToolRuntime", q: str) -> Any:  # noqa: UP037
    return runtime.key


def optional(q: str, runtime: Optional[ToolRuntime] = None) -> Any:  # noqa: UP045
    return runtime.key  # type: ignore[union-attr]


def union(q: str, runtime: Union[ToolRuntime, None]) -> Any:  # noqa: UP007
    return runtime.key  # type: ignore[union-attr]


def piped(q: str, *, runtime: ToolRuntime | None) -> Any:
    return runtime.key  # type: ignore[union-attr]


def annotated(q: str, runtime: Annotated[ToolRuntime, "the context"]) -> Any:
    return runtime.key


def alias(q: str, runtime: RT) -> Any:
    return runtime.key


def maybe_alias(q: str, runtime: MaybeRuntime) -> Any:
    return runtime.key  # type: ignore[union-attr]


def dotted(q: str, runtime: lamella.ToolRuntime) -> Any:
    return runtime.key


def positional(runtime: ToolRuntime, /, q: str) -> Any:
    return runtime.key


def only_checked(q: str, runtime: Annotated[OnlyChecked | None, "ToolRuntime"] = None) -> Any:
    return runtime.key  # type: ignore[union-attr]


SPELLINGS = [plain, text, optional, union, piped, annotated, alias, maybe_alias, dotted, positional]


@pytest.mark.parametrize("fn", SPELLINGS)
def test_f_n12_f_n13_every_spelling_is_hidden_and_injected(fn: Any) -> None:
    made = Tool(fn)
    assert list(made.input_schema["properties"]) == ["q"]
    assert "ToolRuntime" not in str(made.input_schema)
    values = made.check(ToolCallBlock(call_id="1", name=made.name, arguments={"q": "?"}))
    args, kwargs = made.bind(values, ToolRuntime({"key": 7}))
    assert fn(*args, **kwargs) == 7


@pytest.mark.parametrize("fn", SPELLINGS)
def test_f_n13_a_value_from_the_model_is_an_error(fn: Any) -> None:
    made = Tool(fn)
    with pytest.raises(AgentToolCallError, match="got 1 unexpected argument: 'runtime'"):
        made.check(ToolCallBlock(call_id="1", name=made.name, arguments={"q": "?", "runtime": {}}))


def test_f_n13_unresolvable_but_named_is_hidden() -> None:
    def f(q: str, runtime: somewhere.ToolRuntime) -> Any:  # type: ignore[name-defined] # noqa: F821
        return runtime.key

    assert list(Tool(f).input_schema["properties"]) == ["q"]
    with pytest.raises(AgentInputError, match="'runtime' cannot be resolved"):
        Tool(only_checked)


SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}}


def test_f_n13_beside_a_given_schema() -> None:
    def f(q: Nowhere, runtime: ToolRuntime) -> Any:  # type: ignore[name-defined] # noqa: F821
        return q, runtime.key

    made = Tool(f, input_schema=SCHEMA)
    values = made.check(ToolCallBlock(call_id="1", name="f", arguments={"q": "?"}))
    args, kwargs = made.bind(values, ToolRuntime({"key": 7}))
    assert f(*args, **kwargs) == ("?", 7)
    with pytest.raises(AgentToolCallError, match="unexpected argument: 'runtime'"):
        made.check(ToolCallBlock(call_id="1", name="f", arguments={"q": "?", "runtime": 1}))
    with pytest.raises(AgentInputError, match="input_schema shows 'runtime'"):
        Tool(f, input_schema={"type": "object", "properties": {"runtime": {}}})


def test_f_n22_no_key_is_shadowed() -> None:
    keys = ["copy", "items", "keys", "get", "values", "_context", "context", "update", "key", "tenant", "mro"]
    runtime = ToolRuntime({key: f"<{key}>" for key in keys})
    assert [getattr(runtime, key) for key in keys] == [f"<{key}>" for key in keys]


def test_f_tool11_getattr_with_default() -> None:
    assert getattr(ToolRuntime(), "tenant", "default") == "default"
    assert getattr(ToolRuntime({"tenant": "a"}), "tenant", "default") == "a"


def test_missing_attributes_name_the_keys_but_no_values() -> None:
    runtime = ToolRuntime({"tenant": "s3cret", "db": "s3cret"})
    with pytest.raises(AttributeError) as caught:
        _ = runtime.user
    assert str(caught.value) == "the runtime context has no 'user'; its keys are db, tenant"
    with pytest.raises(AttributeError, match="pass runtime_context="):
        _ = ToolRuntime().user


def test_values_are_not_shown_nor_changed() -> None:
    runtime = ToolRuntime({"tenant": "s3cret", "db": "s3cret"})
    assert repr(runtime) == str(runtime) == "ToolRuntime(db, tenant)"
    assert dir(runtime) == ["db", "tenant"]
    with pytest.raises(AttributeError, match="read-only"):
        runtime.tenant = "x"
    with pytest.raises(AttributeError, match="read-only"):
        del runtime.tenant
    for write in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError, match="hidden values"):
            write(runtime)
    with pytest.raises(AgentInputError, match="keys must be str"):
        ToolRuntime({1: 2})  # type: ignore[dict-item]


def test_f_n13_the_same_without_postponed_annotations() -> None:
    """F-N13: hints that are objects, and hints that are strings by hand."""
    names: dict[str, Any] = {
        "ToolRuntime": ToolRuntime,
        "Optional": Optional,
        "Annotated": Annotated,
        "Any": Any,
    }
    for hint in (
        "ToolRuntime",
        "'ToolRuntime'",
        "ToolRuntime | None",
        "Optional['ToolRuntime']",
        "Annotated['ToolRuntime', 1]",
    ):
        exec(
            compile(
                f"def f(q: str, runtime: {hint} = None) -> Any: return runtime.key",
                "<f>",
                "exec",
                dont_inherit=True,
            ),
            names,
        )
        made = Tool(names["f"])
        assert list(made.input_schema["properties"]) == ["q"], hint
        args, kwargs = made.bind({"q": "?"}, ToolRuntime({"key": 7}))
        assert names["f"](*args, **kwargs) == 7
