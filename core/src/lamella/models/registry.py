"""``get_model``: a model by name, from whatever provider plugin is installed."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from lamella.errors import AuthenticationError, ConfigError, PluginError
from lamella.models.model import Model

if TYPE_CHECKING:
    from lamella.config import Project
    from lamella.specs import ProviderSpec

__all__ = ["get_model", "split_model_name", "unkeyed_model"]

_warned: set[str] = set()


def split_model_name(name: str) -> tuple[str, str | None]:
    """``"openai:gpt-5-nano"`` → ``("openai", "gpt-5-nano")``; without a colon the provider's default model is meant."""
    given: object = name
    if not isinstance(given, str):
        raise ConfigError(f"a model is named 'provider:model' in a text, got {type(given).__name__}")
    provider, colon, model = name.partition(":")
    if not provider or (colon and not model):
        raise ConfigError(
            f"a model is named 'provider:model' (for example 'openai:gpt-5-nano'), got {name!r}"
        )
    return provider, model or None


def get_model(
    name: str, *, project: Project | None = None, strict_models: bool = False, **settings: Any
) -> Model:
    """Build a model by name: ``get_model("openai:gpt-5-nano", temperature=0)``.

    The provider is an installed one, or one that the configuration makes: ``[provider.NAME]`` with
    ``like``. Its settings from the configuration apply first, then ``settings``.

    :param strict_models: refuse a model that the provider's list does not have, instead of warning once.
    :raises ConfigError: no such provider, a bad name, or an unknown model in strict mode.
    :raises PluginError: the provider is installed but cannot be used.
    """
    from lamella.config import current_project, use_project

    project = project or current_project()
    provider, model = split_model_name(name)
    spec = project.provider(provider)
    model = model or spec.default_model
    if model is None:
        raise ConfigError(f"provider {provider!r} has no default model; name one: '{provider}:MODEL'")
    _check_known(provider, spec, model, project, strict_models)
    with use_project(project):  # a factory looks for its key in the environment of this project
        built = project.host.make(spec, model, **{**project.provider_settings(provider), **settings})
    if not isinstance(built, Model):
        raise PluginError(
            f"the factory of provider {provider!r} returned {type(built).__name__}, not a Model"
        )
    return built


def _check_known(provider: str, spec: ProviderSpec, model: str, project: Project, strict: bool) -> None:
    """An alias may stand for any server, so the list of the provider that it is like says nothing of it."""
    listed = spec.models if provider == spec.id else ()
    known = {info.formal_name for info in (*listed, *project.host.hooks.model_info(provider))}
    if not known or model in known:
        return
    text = f"model {model!r} is not in the list of provider {provider!r}; it is passed on as it is"
    if strict:
        raise ConfigError(f"{text.partition(';')[0]}; known: {', '.join(sorted(known))}")
    if (key := f"{provider}:{model}") not in _warned:
        _warned.add(key)
        warnings.warn(text, UserWarning, stacklevel=3)


def unkeyed_model(name: str) -> Model:
    """The model of a name, also where there is no key: for what is written and never sent.

    :raises LamellaError: as for :func:`get_model`.
    """
    try:
        return get_model(name)
    except AuthenticationError:
        return get_model(name, api_key="")
