"""The three-state switches of plugins: on, off or not mentioned; the highest layer that mentions one decides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lamella.config.layers import Layer, Mention
from lamella.config.schema import truth
from lamella.plugins.kinds import KINDS
from lamella.plugins.names import canonical

__all__ = ["mentions", "merge_switches", "switches_of"]


def merge_switches(layers: Iterable[Layer]) -> dict[str, bool]:
    """The switches that hold, by ``kind.name`` or ``name``, for a ``PluginHost``.

    :raises ConfigError: a switch is neither on nor off.
    """
    merged: dict[str, bool] = {}
    for layer in layers:
        for name, (on, _) in switches_of(layer).items():
            if _bare(name) == name:  # it speaks of every kind, also of one that a lower layer singled out
                for lower in [known for known in merged if known != name and _bare(known) == name]:
                    del merged[lower]
            merged[name] = on
    return merged


def mentions(layers: Iterable[Layer], name: str) -> tuple[Mention, ...]:
    """Every layer's word on ``name`` or ``kind.name``, lowest layer first; the last one decides."""
    wanted = canonical(name)
    same = {wanted, _bare(wanted)} if _bare(wanted) != wanted else None
    return tuple(
        Mention(layer=layer.name, where=layer.where(path), key=layer.named(path), value=on)
        for layer in layers
        for switch, (on, path) in switches_of(layer).items()
        if (switch in same if same else _bare(switch) == wanted)
    )


def switches_of(layer: Layer) -> dict[str, tuple[bool, tuple[str, ...]]]:
    """The switches of one layer by canonical name, each with its key.

    They stand in ``plugins``; and the table of a sink switches it on, unless this layer says otherwise.
    """
    found = dict(_flatten(layer, ("plugins",), layer.data.get("plugins", {})))
    for name in layer.data.get("sink", {}):
        if not {canonical(name), f"sink.{canonical(name)}"} & found.keys():
            found[f"sink.{canonical(name)}"] = True, ("sink", name)
    return found


def _flatten(
    layer: Layer, path: tuple[str, ...], table: Mapping[str, Any]
) -> Iterator[tuple[str, tuple[bool, tuple[str, ...]]]]:
    for key, value in table.items():
        here = (*path, key)
        if isinstance(value, Mapping):  # provider.openai = true, without quotes, is a table in TOML
            yield from _flatten(layer, here, value)
        else:
            yield canonical(".".join(here[1:])), (truth(layer, here, value), here)


def _bare(name: str) -> str:
    """A switch's name without its kind."""
    kind, dot, rest = name.partition(".")
    return rest if dot and kind in KINDS else name
