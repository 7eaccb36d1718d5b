"""The plugin: what it contributes agrees with its entry point, and importing it costs nothing."""

from __future__ import annotations

from typing import Any

from lamella.content import MediaContent
from lamella_testing.content.base import UNKNOWN_DIALECT, ContentBase
from lamella_testing.light import heavy_imports
from lamella_testing.verdict import require

__all__ = ["PluginContract"]


class PluginContract(ContentBase):
    """What holds of the plugin module."""

    def test_the_plugin_is_usable(self) -> None:
        """The host can activate it: API version, hooks, and the spec under the entry point's name."""
        found = self.installed
        require(found.fault is None, f"the plugin cannot be used: {found.fault}")

    def test_the_spec_agrees_with_the_class(self) -> None:
        """``ContentSpec.id`` is the class's tag, ``content_class`` is the class, and there is a summary."""
        spec = self.encoding.spec
        assert spec is not None
        cls: Any = self.cls
        require(
            isinstance(cls, type) and issubclass(cls, MediaContent),
            f"ContentSpec.content_class is {cls!r}; give a subclass of MediaContent",
        )
        require(
            cls.type == spec.id,
            f"ContentSpec.id is {spec.id!r}, {cls.__name__}.type is {cls.type!r}; they and the name of the entry "
            "point must be one",
        )
        require(spec.summary.strip(), "ContentSpec.summary is empty; say in a line what the type is")

    def test_the_samples_are_of_the_class(self) -> None:
        """``samples()`` makes contents of the class that the plugin names."""
        for name, content in self.contents().items():
            require(
                type(content) is self.cls,
                f"{name} is a {type(content).__name__}, the plugin's class is {self.cls.__name__}",
            )

    def test_the_dialects_are_names(self) -> None:
        """``ContentSpec.dialects`` holds names of wires, each once."""
        dialects: tuple[Any, ...] = self.dialects
        wrong = [
            each for each in dialects if not isinstance(each, str) or not each or each == UNKNOWN_DIALECT
        ]
        require(not wrong, f"ContentSpec.dialects has {wrong}; give names such as 'openai.chat'")
        require(
            len(set(dialects)) == len(dialects),
            f"ContentSpec.dialects has a name twice: {', '.join(dialects)}",
        )

    def test_the_plugin_module_is_light(self) -> None:
        """Importing the plugin module imports ``lamella``, its own package and the standard library, nothing else."""
        module = self.encoding.module
        assert module is not None
        heavy = heavy_imports(module)
        require(
            not heavy,
            f"importing {module} imports {', '.join(heavy)}; import it in the function that needs it, and name the "
            'class by an import string: content_class="package.content:Class"',
        )
