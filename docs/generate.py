"""Fills the generated parts of the reference from the code: ``python docs/generate.py``.

A part stands between ``<!-- generated:NAME -->`` and ``<!-- /generated -->``; ``NAME`` is a function below,
with its argument after a space. ``--check`` writes nothing and fails when a page is out of date. All first-party
distributions must be installed.
"""

from __future__ import annotations

import ast
import enum
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

REFERENCE = Path(__file__).parent / "reference"
SUPPORT = Path(__file__).parents[1] / "tests" / "_support"

_PART = re.compile(
    r"(?P<begin><!-- generated:(?P<name>[a-z-]+)(?: (?P<argument>[^>]+?))? -->\n).*?(?P<end><!-- /generated -->)",
    re.DOTALL,
)


# -- docstrings as Markdown -----------------------------------------------------------------------


@attrs.frozen
class Doc:
    """A docstring: its text as Markdown, what it says of parameters, and what is raised."""

    text: str
    parameters: Mapping[str, str]
    raises: Mapping[str, str]

    @property
    def summary(self) -> str:
        """The first paragraph, on one line."""
        return " ".join(self.text.partition("\n\n")[0].split())


def read_doc(thing: Any) -> Doc:
    """The docstring of a class or function."""
    text = inspect.cleandoc(
        vars(thing).get("__doc__") or "" if isinstance(thing, type) else thing.__doc__ or ""
    )
    text, *fields = re.split(r"^:(?=(?:param|raises|returns)\b)", text, flags=re.MULTILINE)
    parameters: dict[str, str] = {}
    raises: dict[str, str] = {}
    for field in fields:
        head, _, said = field.partition(":")
        kind, _, name = head.partition(" ")
        found = {"param": parameters, "raises": raises}.get(kind)
        if found is not None:
            found[name] = markdown(" ".join(said.split()))
    return Doc(markdown(text.strip()), parameters, raises)


def markdown(text: str) -> str:
    """From the docstrings' reStructuredText: code in one backtick, roles as code."""
    text = re.sub(r":\w+:`~?(?:[\w.]*\.)?(\w+)`", r"`\1`", text)
    text = re.sub(r"``([^`]+)``", r"`\1`", text)
    return re.sub(r"^::$\n", "", text, flags=re.MULTILINE)


def attribute_docs(cls: type) -> dict[str, str]:
    """The texts below the attributes of a class, which only the source has."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    assert isinstance(tree, ast.ClassDef)
    docs: dict[str, str] = {}
    name = ""
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
        elif name and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            docs[name] = markdown(" ".join(str(node.value.value).split()))
            name = ""
        else:
            name = ""
    return docs


# -- tables ---------------------------------------------------------------------------------------


def table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; columns that are empty in every row are left out."""
    names, lines = list(headings), [[cell.replace("|", "\\|") for cell in row] for row in rows]
    kept = [place for place in range(len(names)) if any(row[place] for row in lines)]
    made = [
        [names[place] for place in kept],
        ["---"] * len(kept),
        *([row[place] for place in kept] for row in lines),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in made)


def code(text: str) -> str:
    """Text as code, nothing for nothing."""
    return f"`{text}`" if text else ""


def default_of(field: attrs.Attribute[Any]) -> str:
    """The default of a field as a reader would write it."""
    default: Any = field.default
    if default is attrs.NOTHING:
        return "required"
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # a class at run time
        if default.takes_self:
            return ""
        default = default.factory()
    if inspect.isroutine(default) or inspect.isclass(default):
        return code(default.__name__)
    if isinstance(default, enum.Enum):
        return code(repr(default.value))
    if isinstance(default, frozenset):
        return code("{" + ", ".join(map(repr, sorted(default))) + "}") if default else code("frozenset()")
    return code(repr(default))


def type_of(field: attrs.Attribute[Any]) -> str:
    """The type of a field as it is written in the source."""
    kind: Any = field.type  # a text, as long as nobody resolves it
    found = kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind))
    return code(found.replace("attrs.", ""))


def fields_table(cls: type, inherited: bool = True) -> str:
    """The arguments of an attrs class."""
    doc = {**read_doc(cls).parameters}
    for base in reversed(cls.__mro__):
        if attrs.has(base):
            doc = {**read_doc(base).parameters, **attribute_docs(base), **doc}
    rows = [
        (code(name), type_of(field), default_of(field), doc.get(name, ""))
        for field in attrs.fields(cls)
        if (inherited or not field.inherited) and _is_shown(field) and (name := field.alias or field.name)
    ]
    return table(("field", "type", "default", ""), rows) if rows else ""


def _is_shown(field: attrs.Attribute[Any]) -> bool:
    """Whether a field is an argument of interest: not the keeper of unknown JSON fields, not an inner one."""
    inner = field.name.startswith("_") and not field.eq
    return field.init and not inner and not (field.name == "extra" and not field.repr)


def methods_list(cls: type) -> str:
    """The public methods and properties that a class defines, each with its summary."""
    lines = []
    fields = {field.alias for field in attrs.fields(cls)} if attrs.has(cls) else set()
    for name, value in vars(cls).items():
        if name.startswith("_") or name in fields:
            continue
        if isinstance(value, property):
            assert value.fget is not None
            lines.append(f"- `{name}`: {read_doc(value.fget).summary}")
        elif isinstance(value, classmethod | staticmethod):
            lines.append(
                f"- `{cls.__name__}.{name}{signature(value.__func__)}`: {read_doc(value.__func__).summary}"
            )
        elif inspect.isfunction(value) and value.__doc__:
            prefix = "await " if inspect.iscoroutinefunction(value) else ""
            lines.append(f"- `{prefix}{name}{signature(value)}`: {read_doc(value).summary}")
    return "\n".join(lines)


class _Named:
    """A default that is a function or a class, shown by its name."""

    def __init__(self, value: Any) -> None:
        self._name = value.__name__

    def __repr__(self) -> str:
        return str(self._name)

    @classmethod
    def of(cls, value: Any) -> Any:
        """The value, or its name where it is a function or a class."""
        plain = value is inspect.Parameter.empty or not (inspect.isroutine(value) or inspect.isclass(value))
        return value if plain else cls(value)


def signature(function: Callable[..., Any], *, types: bool = False) -> str:
    """The parameters without ``self``; with ``types`` as in the source."""
    given = inspect.signature(function)
    parameters = list(given.parameters.values())
    if "." in function.__qualname__ and parameters[:1] and parameters[0].name in {"self", "cls"}:
        del parameters[0]
    bare = [
        parameter.replace(annotation=inspect.Parameter.empty, default=_Named.of(parameter.default))
        for parameter in parameters
    ]
    if not types:
        return str(inspect.Signature(bare))
    shown = []
    for parameter, short in zip(parameters, bare, strict=True):
        starred = any(each.startswith("*") for each in shown)
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            shown.append("*")
        name, equals, default = str(short).partition("=")
        typed = name if parameter.annotation is parameter.empty else f"{name}: {parameter.annotation}"
        shown.append(f"{typed} = {default}" if equals else typed)
    result = "" if given.return_annotation is given.empty else f" -> {given.return_annotation}"
    return f"({', '.join(shown)}){result}"


def class_section(cls: type, *, inherited: bool = True) -> str:
    """A class: docstring, fields, methods."""
    parts = [f"### `{cls.__name__}`", read_doc(cls).text]
    if attrs.has(cls):
        parts.append(fields_table(cls, inherited))
    parts.append(methods_list(cls))
    return "\n\n".join(part for part in parts if part)


def function_section(function: Callable[..., Any]) -> str:
    """A function: signature with types, docstring, parameters, errors."""
    doc = read_doc(function)
    parts = [f"### `{function.__name__}`"]
    parts.append(f"```text\n{function.__name__}{signature(function, types=True)}\n```")
    parts.append(doc.text)
    parts.extend(f"- `{name}`: {said}" for name, said in doc.parameters.items())
    parts.extend(f"Raises `{name}`: {said}" for name, said in doc.raises.items())
    return "\n\n".join(part for part in parts if part)


# -- the parts ------------------------------------------------------------------------------------


def classes(argument: str) -> str:
    """Sections of classes, named as ``module:Name Name …``."""
    module, _, names = argument.partition(":")
    room = sys.modules.get(module) or __import__(module, fromlist=["_"])
    found = [getattr(room, name) for name in names.split()]
    # Fields of a base that has a section of its own are shown there.
    return "\n\n".join(class_section(cls, inherited=not {*cls.__mro__[1:]} & {*found}) for cls in found)


def functions(argument: str) -> str:
    """Sections of functions, named as ``module:name name …``."""
    module, _, names = argument.partition(":")
    room = sys.modules.get(module) or __import__(module, fromlist=["_"])
    return "\n\n".join(function_section(getattr(room, name)) for name in names.split())


def error_tree(_: str) -> str:
    """The tree of the errors module's docstring."""
    from lamella import errors

    drawn = re.search(r"::\n\n(?P<tree>(?:    .*\n)+)", errors.__doc__ or "")
    assert drawn is not None
    return f"```text\n{textwrap.dedent(drawn['tree']).rstrip()}\n```"


def error_table(_: str) -> str:
    """Every class with its code."""
    from lamella import errors

    found = [getattr(errors, name) for name in errors.__all__ if name.endswith("Error")]
    found.sort(key=lambda cls: (len(cls.__mro__) > 3 and cls.default_code.value, cls.default_code.value))
    rows = [
        (
            code(cls.__name__),
            code(cls.default_code.value),
            "yes" if cls.default_retryable else "no",
            read_doc(cls).summary,
        )
        for cls in found
    ]
    return table(("class", "code", "retryable", "meaning"), rows)


def event_types(_: str) -> str:
    """Every event type: a table, then its fields."""
    from lamella import events

    found = [cls for cls in _event_classes(events) if cls.__name__ != "OpaqueEvent"]
    rows = [
        (
            f"[`{cls.type}`](#{cls.__name__.lower()})",
            code(cls.__name__),
            "" if cls.durable else "delta",
            read_doc(cls).summary,
        )
        for cls in found
    ]
    sections = [
        "\n\n".join(
            part
            for part in (
                f"### {cls.__name__}",
                f"`{cls.type}`. {read_doc(cls).text}",
                fields_table(cls, inherited=False),
            )
            if part
        )
        for cls in found
    ]
    return "\n\n".join([table(("type", "class", "kind", "meaning"), rows), *sections])


def _event_classes(events: Any) -> Iterator[type[Any]]:
    for name, value in vars(events).items():
        if name in events.__all__ and isinstance(value, type) and events.Event in value.__mro__[1:]:
            yield value


def hooks(_: str) -> str:
    """Every hook with its signature and docstring."""
    from lamella.hookspecs import specifications

    sections = []
    for name, function in specifications().items():
        first = bool(getattr(function, "lamella_spec", {}).get("firstresult"))
        doc = read_doc(function).text
        how = "The first result that is not `None` counts." if first else ""
        shown = signature(function, types=True)
        sections.append(
            "\n\n".join(part for part in (f"### `{name}`", f"```text\n{name}{shown}\n```", doc, how) if part)
        )
    return "\n\n".join(sections)


def settings(argument: str) -> str:
    """The settings of an installed plugin, named as ``kind name``."""
    from lamella.config import Project
    from lamella.plugins import resolve_import_string

    kind, name = argument.split()
    host = Project.load(
        start=Path(__file__).parent / "reference", environ={}, overrides={"autoload": "installed"}
    ).host
    spec = getattr(host, kind)(name)
    cls = resolve_import_string(spec.settings) if isinstance(spec.settings, str) else spec.settings
    doc = read_doc(cls)
    summary = f"{spec.summary[0].upper()}{spec.summary[1:].rstrip('.')}."
    return f"{summary}\n\n{_rest(doc)}{fields_table(cls)}"


def _rest(doc: Doc) -> str:
    rest = doc.text.partition("\n\n")[2]
    return f"{rest}\n\n" if rest else ""


def members(argument: str) -> str:
    """The values of an enum with the texts below them, named as ``module:Name``."""
    module, _, name = argument.partition(":")
    cls = getattr(__import__(module, fromlist=["_"]), name)
    docs = attribute_docs(cls)
    rows = [(code(str(member.value)), docs.get(member.name, member.name.capitalize())) for member in cls]
    return table(("value", "meaning"), rows)


def fields(argument: str) -> str:
    """The fields of an attrs class alone, named as ``module:Name``."""
    module, _, name = argument.partition(":")
    return fields_table(getattr(__import__(module, fromlist=["_"]), name))


def commands(_: str) -> str:
    """Every command with its arguments and options."""
    import click

    from lamella_cli.group import root

    def walk(command: click.Command, path: str) -> Iterator[str]:
        yield _command(command, path)
        if isinstance(command, click.Group):
            for name, below in _below(command):
                yield from walk(below, f"{path} {name}")

    return "\n\n".join(walk(root, "lamella"))


def _below(group: Any) -> Iterator[tuple[str, Any]]:
    """The first-party commands of a group: what plugins add is not of this house."""
    from lamella_cli.group import LazyGroup, _own_command

    for name, (place, _) in group._lazy.items() if isinstance(group, LazyGroup) else ():
        yield name, _own_command(place)


def _command(command: Any, path: str) -> str:
    import click

    arguments = [param for param in command.params if isinstance(param, click.Argument)]
    options = [param for param in command.params if isinstance(param, click.Option)]
    usage = " ".join(
        [path, *(["[OPTIONS]"] if options else []), *(_placeholder(param) for param in arguments)]
    )
    if isinstance(command, click.Group):
        usage += " COMMAND …"
    rows = [
        (", ".join(map(code, option.opts)), _placeholder(option), _default(option), option.help or "")
        for option in options
    ]
    text = inspect.cleandoc(command.help or "")
    shown = table(("option", "value", "default", ""), rows) if rows else ""
    return "\n\n".join(part for part in (f"### `{path}`", f"```text\n{usage}\n```", text, shown) if part)


def _placeholder(param: Any) -> str:
    import click

    if getattr(param, "is_flag", False) or getattr(param, "count", False):
        return ""
    if isinstance(param.type, click.Choice):
        return code(" | ".join(map(str, param.type.choices)))
    name = param.metavar or ("N" if isinstance(param.type, click.IntRange) else (param.name or "").upper())
    shown = f"[{name}]…" if param.nargs == -1 else name
    return shown if isinstance(param, click.Argument) else code(shown)


def _default(option: Any) -> str:
    return code(str(option.default)) if option.show_default and option.default is not None else ""


def transplant(argument: str) -> str:
    """What crosses between providers: the measurement that the tests assert on, as ``overview`` or ``tables``."""
    sys.path.insert(0, str(SUPPORT))
    try:
        from swap import matrix
    finally:
        sys.path.remove(str(SUPPORT))
    made: str = getattr(matrix, argument)()
    return made


def content(argument: str) -> str:
    """What becomes of content on each wire: the measurement that the tests assert on, as ``overview`` or ``tables``."""
    sys.path.insert(0, str(SUPPORT))
    try:
        from content import table
    finally:
        sys.path.remove(str(SUPPORT))
    made: str = getattr(table, argument)()
    return made


PARTS: dict[str, Callable[[str], str]] = {
    "classes": classes,
    "functions": functions,
    "error-tree": error_tree,
    "error-table": error_table,
    "event-types": event_types,
    "hooks": hooks,
    "settings": settings,
    "members": members,
    "fields": fields,
    "commands": commands,
    "transplant": transplant,
    "content": content,
}


# -- pages ----------------------------------------------------------------------------------------


def filled(page: str) -> str:
    """A page with its generated parts made anew."""

    def fill(part: re.Match[str]) -> str:
        made = PARTS[part["name"]](part["argument"] or "")
        return f"{part['begin']}\n{made}\n\n{part['end']}"

    return _PART.sub(fill, page)


def pages() -> dict[Path, str]:
    """Every file that is generated, at least in part, and what it should hold."""
    import lamella

    found = {path: filled(path.read_text(encoding="utf-8")) for path in sorted(REFERENCE.glob("*.md"))}
    return {**found, REFERENCE / "public-names.txt": "\n".join(sorted(lamella.__all__)) + "\n"}


def main(arguments: list[str]) -> int:
    """Write the pages, or with ``--check`` only name those that are out of date."""
    stale = [
        (path, text)
        for path, text in pages().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path, text in stale:
        if "--check" not in arguments:
            path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path.name}\n")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
