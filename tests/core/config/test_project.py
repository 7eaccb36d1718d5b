"""The project: layers with provenance, switches, and what it builds."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import attrs
import pytest
from distributions import Site

from lamella import Agent, Sink, get_agent, get_model
from lamella.config import AgentConfig, Project, content_class, current_project, forget_projects, use_project
from lamella.errors import ConfigError, PluginError
from lamella.plugins import forget_discovered, register_provider, unregister_provider


@pytest.fixture
def installed(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Only what the site holds is installed."""
    monkeypatch.setattr("importlib_metadata.distributions", site.distributions)
    forget_discovered()
    yield site
    forget_discovered()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "inner").mkdir(parents=True)
    return folder


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text), encoding="utf-8")
    return path


def load(
    root: Path, environ: Mapping[str, str] | None = None, overrides: Mapping[str, Any] | None = None
) -> Project:
    return Project.load(root, environ=environ or {}, overrides=overrides)


# -- files ------------------------------------------------------------------------------------------


def test_the_nearest_file_is_found_from_below(root: Path) -> None:
    file = write(root / "pyproject.toml", '[tool.lamella]\nmodel = "a:b"\n')
    project = load(root / "inner")
    assert (project.root, project.file, project.model) == (root, file, "a:b")
    inner = write(root / "inner" / "lamella.toml", 'model = "c:d"\n')
    project = load(root / "inner")
    assert (project.root, project.file, project.model) == (root / "inner", inner, "c:d")


def test_a_pyproject_without_our_table_is_passed_over_even_malformed(root: Path) -> None:
    write(root / "lamella.toml", 'model = "a:b"\n')
    write(root / "inner" / "pyproject.toml", "[project\n")
    assert load(root / "inner").model == "a:b"
    write(root / "inner" / "pyproject.toml", '[project]\ndependencies = ["lamella"]\n')
    assert load(root / "inner").model == "a:b"


def test_in_one_folder_lamella_toml_is_taken(root: Path) -> None:
    write(root / "pyproject.toml", '[tool.lamella]\nmodel = "a:b"\n')
    write(root / "lamella.toml", 'model = "c:d"\n')
    assert load(root).model == "c:d"


def test_without_a_file_the_root_is_where_the_search_began(root: Path) -> None:
    project = load(root / "inner")
    assert (project.root, project.file, project.model) == (root / "inner", None, None)


@pytest.mark.parametrize("name", ["lamella.toml", "pyproject.toml"])
def test_malformed_toml_is_an_error_with_file_and_line(root: Path, name: str) -> None:
    write(root / name, '[tool.lamella]\n\nmodel = "open\n')
    with pytest.raises(ConfigError, match=rf"{name} is not valid TOML: .*line 3"):
        load(root)


def test_unreadable_files_are_typed_errors(root: Path) -> None:
    (root / "lamella.toml").write_bytes(b"model = '\xff'")
    with pytest.raises(ConfigError, match=r"lamella\.toml cannot be read"):
        load(root)
    write(root / "lamella.toml", "")
    write(root / "pyproject.toml", 'tool.lamella = "x"\n')
    (root / "lamella.toml").unlink()
    with pytest.raises(ConfigError, match=r"tool\.lamella must be a table"):
        load(root)


@pytest.mark.parametrize("variable", ["XDG_CONFIG_HOME", "APPDATA"])
def test_the_user_file_is_in_the_users_place_for_settings(root: Path, tmp_path: Path, variable: str) -> None:
    write(tmp_path / "settings" / "lamella" / "config.toml", 'model = "user:m"\n')
    assert load(root, {variable: str(tmp_path / "settings")}).model == "user:m"


def test_the_user_file_may_be_below_home_or_named(root: Path, tmp_path: Path) -> None:
    write(tmp_path / ".config" / "lamella" / "config.toml", 'model = "home:m"\n')
    assert load(root, {"HOME": str(tmp_path)}).model == "home:m"
    named = write(tmp_path / "mine.toml", 'model = "named:m"\n')
    assert load(root, {"HOME": str(tmp_path), "LAMELLA_CONFIG": str(named)}).model == "named:m"
    with pytest.raises(ConfigError, match=r"LAMELLA_CONFIG names .*which does not exist"):
        load(root, {"LAMELLA_CONFIG": str(tmp_path / "nothing")})


# -- layers -----------------------------------------------------------------------------------------


def test_f_plg03_later_layers_win_and_each_value_knows_its_layer(root: Path, tmp_path: Path) -> None:
    user = write(
        tmp_path / "user.toml",
        """
        model = "user:m"
        [provider.acme]
        a = 1
        b = 1
        c = 1
        d = 1
        e = 1
        """,
    )
    file = write(
        root / "pyproject.toml",
        """
        [tool.lamella]
        model = "project:m"
        [tool.lamella.provider.acme]
        b = 2
        c = 2
        d = 2
        e = 2
        """,
    )
    write(
        root / ".env", "LAMELLA_MODEL=dotenv:m\nLAMELLA__PROVIDER__ACME__C=3\nLAMELLA__PROVIDER__ACME__D=3\n"
    )
    environ = {
        "LAMELLA_CONFIG": str(user),
        "LAMELLA__PROVIDER__ACME__D": "4",
        "LAMELLA_MODEL": "environment:m",
    }
    project = load(root, environ, {"model": "code:m", "provider.acme.e": 5})
    assert project.model == "code:m"
    assert load(root, environ).model == "environment:m"
    assert load(root, {"LAMELLA_CONFIG": str(user)}).model == "dotenv:m"
    found = {key: project.provenance(f"provider.acme.{key}") for key in "abcdef"}
    assert {key: origin and (origin.layer, origin.where) for key, origin in found.items()} == {
        "a": ("user", str(user)),
        "b": ("project", str(file)),
        "c": ("dotenv", f"{root / '.env'} (LAMELLA__PROVIDER__ACME__C)"),
        "d": ("environment", "environment variable LAMELLA__PROVIDER__ACME__D"),
        "e": ("code", "code"),
        "f": None,
    }
    assert project.provenance("autoload") == attrs.evolve(found["e"], layer="defaults", where="defaults")  # type: ignore[misc]
    assert project.provenance("provider.acme") is None


def test_dashes_and_underscores_are_equal_across_layers(root: Path, tmp_path: Path) -> None:
    user = write(tmp_path / "user.toml", "[provider.my-llm]\nbase-url = 'a'\n")
    write(root / "lamella.toml", "strict-plugins = true\n[provider.my_llm]\nbase_url = 'b'\n")
    project = load(root, {"LAMELLA_CONFIG": str(user)})
    assert project.strict_plugins
    origin = project.provenance("provider.my-llm.base_url")
    assert origin is not None
    assert origin.layer == "project"


def test_names_with_dots_can_be_asked_for(root: Path) -> None:
    write(root / "lamella.toml", '[prices]\n"gpt-4.1" = { input = 1, output = 2 }\n')
    origin = load(root).provenance("prices.gpt-4.1.input")
    assert origin is not None
    assert origin.layer == "project"


def test_a_reference_replaces_a_reference(root: Path, tmp_path: Path) -> None:
    user = write(tmp_path / "user.toml", '[provider.acme]\napi_key = { env = "A" }\n')
    write(root / "lamella.toml", '[provider.acme]\napi_key = { file = "b" }\n')
    origin = load(root, {"LAMELLA_CONFIG": str(user)}).provenance("provider.acme.api_key")
    assert origin is not None
    assert origin.layer == "project"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("modle = 'x'\n", r"unknown key modle; did you mean 'model'\?"),
        ("[providers.openai]\n", r"unknown key providers; did you mean 'provider'\?"),
        ("model = 3\n", "model must be a model's name"),
        ("model = ''\n", "model must be a model's name"),
        ("autoload = 'all'\n", 'autoload must be "installed", "listed" or "none", got \'all\''),
        ("locked = 'yes'\n", "locked must be true or false, got 'yes'"),
        ("provider = 3\n", "provider must be a table, got 3"),
        ("[provider]\nopenai = 3\n", "provider.openai must be a table, got 3"),
        ("[plugins]\nopenai = 'on'\n", "plugins.openai must be true or false, got 'on'"),
        ("[plugins.openai]\ntimeout = 3\n", "plugins.openai.timeout must be true or false, got 3"),
        ("tools = []\n", "tools must be a table"),
    ],
)
def test_f_plg03_a_mistake_at_the_top_names_file_and_key(root: Path, text: str, words: str) -> None:
    file = write(root / "lamella.toml", text)
    with pytest.raises(ConfigError, match=words) as wrong:
        load(root)
    assert str(wrong.value).startswith(f"{file}: ")
    file.unlink()
    file = write(root / "pyproject.toml", "[tool.lamella]\nmodle = 'x'\n")
    with pytest.raises(ConfigError, match=r"unknown key tool\.lamella\.modle"):
        load(root)


@pytest.mark.parametrize(
    "text", ["[provider]\nopenai = 'sk-1'", "[plugins.openai]\napi_key = 'sk-1'", "tools = ['sk-1']"]
)
def test_a_key_in_the_wrong_line_is_not_shown(root: Path, text: str) -> None:
    write(root / "lamella.toml", text)
    with pytest.raises(ConfigError, match=r"must be .*, got a (str|list)") as wrong:
        load(root)
    assert "sk-1" not in str(wrong.value)
    with pytest.raises(ConfigError) as wrong:
        load(root.parent, {"LAMELLA__PROVIDER__OPENAI": "sk-1"})
    assert "sk-1" not in str(wrong.value)


@pytest.mark.parametrize("switch", ["sinks.log", "sink.lg", "lg"])
def test_a_switch_that_is_on_and_names_nothing_is_an_error(installed: Site, root: Path, switch: str) -> None:
    """F-PLG03: also where its kind is misspelt."""
    installed.add_sink("log")
    project = load(root, overrides={"plugins": {switch: True, "provider.absent": True}})
    with pytest.raises(ConfigError, match=r"did you mean '(sink\.)?log'"):
        project.enabled_sinks()


@pytest.mark.parametrize("switch", ["plugins.guard", "plugin.gard", "gard"])
def test_a_guard_that_is_on_and_misspelt_is_an_error(installed: Site, root: Path, switch: str) -> None:
    installed.add("lamella-guard", entry_points={"lamella.plugins": {"guard": "guard_module"}})
    with pytest.raises(ConfigError, match=r"did you mean '(plugin\.)?guard'"):
        load(root, overrides={"plugins": {switch: True}}).host.hooks.guardrails()


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("LAMELLA__MODLE__X", "1", "LAMELLA__MODLE__X: unknown key"),
        ("LAMELLA_STRICT_PLUGINS", "maybe", "LAMELLA_STRICT_PLUGINS: strict_plugins must be true or false"),
        ("LAMELLA_AUTOLOAD", "all", "LAMELLA_AUTOLOAD: autoload must be"),
        ("LAMELLA__PROVIDER____X", "1", "a name between two underscores is empty"),
        ("LAMELLA__PLUGINS__X", "maybe", "LAMELLA__PLUGINS__X: plugins.x must be true or false"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(
    root: Path, variable: str, value: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=f"environment variable .*{words}|{words}"):
        load(root, {variable: value})


def test_a_variable_cannot_be_a_value_and_a_table(root: Path) -> None:
    for environ in (
        {"LAMELLA__PROVIDER__A": "1", "LAMELLA__PROVIDER__A__B": "1"},
        {"LAMELLA_MODEL": "a:b", "LAMELLA__MODEL__X": "1"},
    ):
        with pytest.raises(ConfigError):
            load(root, environ)
    with pytest.raises(ConfigError, match="is set to a value and to a table"):
        load(root, overrides={"provider": 3, "provider.x.y": 1})


def test_other_variables_of_ours_and_empty_ones_set_nothing(root: Path) -> None:
    assert load(root, {"LAMELLA_RECORDINGS": "/x", "LAMELLA_MODEL": "", "OTHER": "1"}).model is None


def test_flags_of_the_environment(root: Path) -> None:
    project = load(root, {"LAMELLA_STRICT_PLUGINS": "1", "LAMELLA_LOCKED": "no"})
    assert (project.strict_plugins, project.locked) == (True, False)
    assert project.host.strict


# -- env --------------------------------------------------------------------------------------------


def test_f_plg01_variables_come_from_the_process_then_from_dotenv(root: Path) -> None:
    write(root / "lamella.toml", "")
    write(root / ".env", "ACME_KEY=dotenv\nONLY=dotenv\n")
    project = load(root / "inner", {"ACME_KEY": "process"})
    assert (project.env("ACME_KEY"), project.env("ONLY"), project.env("NONE")) == ("process", "dotenv", None)


def test_without_one_in_the_root_dotenv_is_that_of_the_current_folder(root: Path) -> None:
    write(root / "lamella.toml", "")
    write(root / "inner" / ".env", "ONLY=inner\n")
    assert load(root / "inner").env("ONLY") == "inner"


def test_f_n27_the_repr_of_a_project_shows_no_value(root: Path) -> None:
    write(root / ".env", "ACME_KEY=sk-1\nLAMELLA__PROVIDER__ACME__API_KEY=sk-2\n")
    project = load(root, {"OTHER_KEY": "sk-3"}, {"provider.acme.api_key": "sk-4"})
    assert "sk-" not in repr(project) + repr(project.layers)


# -- plugins ----------------------------------------------------------------------------------------


def test_f_plg03_settings_of_all_layers_set_up_a_plugin(installed: Site, root: Path) -> None:
    installed.add_sink("log")
    write(root / "lamella.toml", '[sink.log]\nlevel = 2\npath = "logs"\n')
    project = load(root, {"LAMELLA__SINK__LOG__LEVEL": "7"})
    assert project.enabled_sinks() == ("log",)
    assert project.plugin_settings("sink", "log") == {"level": 7, "path": root / "logs"}
    sink: Any = project.build_sink("log")
    assert (sink.level, sink.path) == (7, root / "logs")


def test_f_plg03_an_unknown_setting_names_file_key_and_suggestion(installed: Site, root: Path) -> None:
    installed.add_sink("log")
    file = write(root / "lamella.toml", "[sink.log]\nlevle = 2\n")
    with pytest.raises(ConfigError) as unknown:
        load(root).build_sink("log")
    assert str(unknown.value).startswith(f"{file}: sink.log has no setting 'levle'; did you mean 'level'?")


def test_a_setting_of_an_uninstalled_plugin_is_an_error_when_it_is_used(installed: Site, root: Path) -> None:
    write(root / "lamella.toml", "[provider.acme]\nx = 1\n")
    project = load(root)
    with pytest.raises(ConfigError, match="pip install lamella-acme"):
        project.provider_settings("acme")
    assert project.provider_settings("other") == {}


def test_settings_of_a_provider_registered_in_code(root: Path) -> None:
    def make(model: str, **settings: Any) -> Any:
        return model, settings

    @attrs.frozen(kw_only=True)
    class Settings:
        timeout: float = 1.0

    register_provider("house", make, settings=Settings)
    try:
        project = Project.bare(overrides={"provider.house.timeout": 2.5})
        assert project.provider_settings("house") == {"timeout": 2.5}
        with pytest.raises(ConfigError, match="did you mean 'timeout'"):
            Project.bare(overrides={"provider.house.timout": 2.5}).provider_settings("house")
    finally:
        unregister_provider("house")


def test_a_plugin_of_the_general_group_reads_its_table(root: Path) -> None:
    @attrs.frozen(kw_only=True)
    class Settings:
        words: list[str] = attrs.field(factory=list)

    write(root / "lamella.toml", '[plugin.guard]\nwords = ["x"]\n')
    project = load(root)
    assert project.plugin_settings("plugin", "guard") == {"words": ["x"]}
    assert project.plugin_settings("plugin", "guard", settings=Settings) == {"words": ["x"]}
    wrong = load(root, overrides={"plugin.guard.word": 1})
    with pytest.raises(ConfigError, match="did you mean 'words'"):
        wrong.plugin_settings("plugin", "guard", settings=Settings)


@pytest.mark.parametrize(
    ("user", "project", "environ", "enabled"),
    [
        ("", "", {}, False),
        ("", "[plugins]\nlog = true\n", {}, True),
        ("", "[plugins]\nsink.log = true\n", {}, True),
        ("", "[sink.log]\n", {}, True),
        ("", "[plugins]\nlog = false\n[sink.log]\n", {}, False),
        ("[plugins]\nlog = true\n", "[plugins]\nlog = false\n", {}, False),
        ("[plugins]\nlog = false\n", "[sink.log]\n", {}, True),
        ("[plugins]\nsink.log = true\n", "[plugins]\nlog = false\n", {}, False),
        ("[plugins]\nlog = true\n", "[plugins]\nsink.log = false\n", {}, False),
        ("", "[sink.log]\n", {"LAMELLA__PLUGINS__LOG": "off"}, False),
        ("", "", {"LAMELLA__PLUGINS__SINK__LOG": "1"}, True),
        ("", "", {"LAMELLA__SINK__LOG__LEVEL": "2"}, True),
    ],
)
def test_the_highest_layer_that_mentions_a_plugin_decides(
    installed: Site,
    root: Path,
    tmp_path: Path,
    user: str,
    project: str,
    environ: dict[str, str],
    enabled: bool,
) -> None:
    installed.add_sink("log")
    named = write(tmp_path / "user.toml", user)
    write(root / "lamella.toml", project)
    loaded = load(root, {"LAMELLA_CONFIG": str(named), **environ})
    assert loaded.enabled_sinks() == (("log",) if enabled else ())
    said = loaded.why("log")
    assert bool(said and said[-1].value) is enabled
    assert installed.imported() == set(), "none of this imports the plugin"


def test_why_is_the_chain_of_layers(root: Path, tmp_path: Path) -> None:
    user = write(tmp_path / "user.toml", "[plugins]\nlog = true\nother = true\n")
    file = write(root / "pyproject.toml", "[tool.lamella.plugins]\nsink.log = false\n")
    environ = {"LAMELLA_CONFIG": str(user), "LAMELLA__PLUGINS__LOG": "1"}
    chain = load(root, environ).why("log")
    assert [(said.layer, said.where, said.key, said.value) for said in chain] == [
        ("user", str(user), "plugins.log", True),
        ("project", str(file), "tool.lamella.plugins.sink.log", False),
        ("environment", "environment variable LAMELLA__PLUGINS__LOG", "plugins.log", True),
    ]
    assert [said.layer for said in load(root, environ).why("sink.log")] == ["user", "project", "environment"]
    assert [said.layer for said in load(root, environ).why("provider.log")] == ["user", "environment"]
    assert load(root, environ).why("nobody") == ()


def test_a_sink_that_is_switched_on_and_not_installed_is_an_error(installed: Site, root: Path) -> None:
    installed.add_sink("console")
    for overrides in ({"plugins.consle": True}, {"sink.consle.x": 1}):
        with pytest.raises(ConfigError, match="'consle' is installed; did you mean 'console'"):
            load(root, overrides=overrides).enabled_sinks()
    assert load(root, overrides={"plugins.consle": False}).enabled_sinks() == ()


def test_a_sink_is_built_by_name_unless_it_is_switched_off(installed: Site, root: Path) -> None:
    installed.add_sink("log")
    assert load(root).enabled_sinks() == ()
    assert isinstance(load(root).build_sink("log"), Sink)
    with pytest.raises(PluginError, match="disabled"):
        load(root, overrides={"plugins.log": False}).build_sink("log")


def test_what_a_factory_returns_is_checked(installed: Site, root: Path) -> None:
    module = installed.add_sink("log")
    write(
        installed.path / f"{module}_sink.py",
        "import attrs\n\n@attrs.frozen\nclass Settings: ...\n\nmake = dict\n",
    )
    with pytest.raises(PluginError, match="sink 'log' returned dict, not a Sink"):
        load(root).build_sink("log")


def test_a_factory_sees_the_project_that_builds_it(installed: Site, root: Path) -> None:
    module = installed.add_sink("log")
    code = """
        import attrs
        from lamella.config import current_project

        @attrs.frozen
        class Settings: ...

        class make:
            def __init__(self): self.root = current_project().root
            async def open(self): ...
            async def write(self, batch): ...
            async def close(self): ...
    """
    write(installed.path / f"{module}_sink.py", code)
    sink: Any = load(root).build_sink("log")
    assert sink.root == root


def test_a_locked_project_needs_its_lock(installed: Site, root: Path) -> None:
    with pytest.raises(ConfigError, match="lamella plugins lock"):
        _ = load(root, overrides={"locked": True}).host
    write(root / "lamella.lock", '{"version": 1, "plugins": []}')
    installed.add_sink("log")
    with pytest.raises(PluginError, match=r"lamella-log 1\.0 is not in the lock"):
        load(root, overrides={"locked": True}).build_sink("log")
    assert installed.imported() == set()


def test_the_host_is_made_once_also_by_many_threads(root: Path) -> None:
    project = load(root)
    hosts: list[object] = []
    threads = [threading.Thread(target=lambda: hosts.append(project.host)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(host) for host in hosts}) == 1
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        project.root = None  # type: ignore[misc]


# -- tools and agents -------------------------------------------------------------------------------

TOOLS = """
    import attrs

    @lamella.hookimpl
    def lamella_tool_source():
        return ToolSourceSpec(id="shed", factory=Shed, settings=Settings)

    @attrs.frozen(kw_only=True)
    class Settings:
        module: str
        limit: int = 3

    @attrs.frozen(kw_only=True)
    class Shed:
        module: str
        limit: int = 3
        async def open(self): return []
        async def close(self): ...
"""


def test_f_plg03_tools_set_up_a_source(installed: Site, root: Path) -> None:
    installed.add_plugin("shed", TOOLS, group="lamella.tool_sources")
    file = write(root / "lamella.toml", '[tools.garden]\nsource = "shed"\nmodule = "spade"\nlimit = 5\n')
    project = load(root)
    config = project.tools["garden"]
    assert (config.name, config.source, config.where) == ("garden", "shed", str(file))
    source: Any = project.build_tool_source("garden")
    assert (source.module, source.limit) == ("spade", 5)
    assert project.plugin_settings("tool_source", "garden") == {"module": "spade", "limit": 5}
    with pytest.raises(ConfigError, match=r"^tools\.shed needs module, which nothing sets"):
        project.build_tool_source("shed")
    with pytest.raises(
        ConfigError, match=r"no tool source 'gardn'.*did you mean 'garden'\?.*\[tools\.gardn\]"
    ):
        project.build_tool_source("gardn")
    with pytest.raises(ConfigError, match="did you mean 'limit'"):
        load(root, overrides={"tools.garden.limt": 1}).build_tool_source("garden")
    with pytest.raises(ConfigError, match="no tool source 'shd' is installed; did you mean 'shed'"):
        load(root, overrides={"tools.garden.source": "shd"}).build_tool_source("garden")


async def test_f_plg03_every_table_of_tools_may_select(installed: Site, root: Path) -> None:
    sheds = TOOLS.replace(
        "return []", "return [lamella.Tool(func=f, name=n, description='') for n, f in FOUND.items()]"
    ).replace("factory=Shed", "factory=Shed, prefixed=True")
    sheds = f"    import lamella\n    FOUND = dict(dig=lambda: 'dug', rake=lambda: 'raked')\n{sheds}"
    installed.add_plugin("shed", sheds, group="lamella.tool_sources")
    text = '[tools.garden]\nsource = "shed"\nmodule = "m"\n'
    file = write(root / "lamella.toml", f'{text}include = ["d*"]\napprove = "always"\ntimeout = 3\n')
    (dig,) = await load(root).build_tool_source("garden").open()
    assert (dig.name, dig.requires_approval, dig.timeout) == ("garden_dig", True, 3)
    write(file, f'{text}prefix = ""\nexclude = ["dig"]\napprove = ["rake"]\n')
    (rake,) = await load(root).build_tool_source("garden").open()
    assert (rake.name, rake.requires_approval, rake.timeout) == ("rake", True, None)
    write(file, f'{text}approve = "ask"\n')
    with pytest.raises(ConfigError, match=r"'always', 'never'.* got 'ask' @ tools\.garden\.approve"):
        load(root).build_tool_source("garden")


def test_tools_without_a_source_are_an_error(root: Path) -> None:
    file = write(root / "lamella.toml", "[tools.garden]\nlimit = 5\n")
    with pytest.raises(ConfigError, match=r"tools\.garden must name its source") as wrong:
        _ = load(root).tools
    assert str(wrong.value).startswith(str(file))


AGENT = """
    from lamella import Agent, AgentSpec, hookimpl
    lamella_api = "1.0"

    @hookimpl
    def lamella_agent():
        return AgentSpec(id="poet", summary="writes poems", factory=make)

    def make():
        return Agent(name="poet", system_instruction="Write a poem.")
"""


def test_f_reg01_agents_come_from_plugins(installed: Site, root: Path) -> None:
    """F-REG01: listed without being imported, made when it is asked for; the configuration's comes first."""
    installed.add_plugin("poet", AGENT, group="lamella.agents")
    installed.add_plugin("broken", AGENT.replace("return Agent(", "return str("), group="lamella.agents")
    project = load(root)
    assert project.host.names("agent") == ("broken", "poet")
    agent = get_agent("poet", project=project)
    assert isinstance(agent, Agent)
    assert (agent.name, agent.system_instruction) == ("poet", "Write a poem.")
    with pytest.raises(PluginError, match="agent 'broken'"):
        get_agent("broken", project=project)
    with pytest.raises(ConfigError, match="did you mean 'poet'"):
        get_agent("poets", project=project)
    write(root / "lamella.toml", '[agents.poet]\nmodel = "acme:m"\n')
    configured = get_agent("poet", project=load(root))
    assert isinstance(configured, Agent)
    assert configured.model == "acme:m"


def test_f_plg03_agents_are_configured(root: Path) -> None:
    file = write(
        root / "lamella.toml",
        """
        model = "acme:m"

        [agents.writer]
        system-instruction = "Write."
        tools = ["garden"]
        max_iterations = 3

        [agents.reader]
        model = "acme:small"
        on_limit = "return"
        """,
    )
    project = load(root, {"LAMELLA__AGENTS__WRITER__MAX_ITERATIONS": "4"})
    assert project.agents["writer"] == AgentConfig(
        name="writer", model="acme:m", system_instruction="Write.", tools=("garden",), max_iterations=4
    )
    assert project.agents["reader"].arguments() == {
        "name": "reader",
        "model": "acme:small",
        "on_limit": "return",
    }
    wrong = load(root, overrides={"agents.writer.max_iteration": 3})
    with pytest.raises(ConfigError, match=r"agents\.writer has no setting 'max_iteration'; did you mean"):
        _ = wrong.agents
    write(file, '[agents.writer]\non_limit = "stop"\n')
    with pytest.raises(ConfigError, match=rf"{file}: .*agents\.writer\.on_limit"):
        _ = load(root).agents


def test_the_fields_of_an_agents_table_are_arguments_of_agent() -> None:
    from lamella import Agent

    arguments = {field.alias for field in attrs.fields(Agent)}
    assert {field.name for field in attrs.fields(AgentConfig)} <= arguments


def test_a_malformed_price_names_file_and_model(root: Path) -> None:
    for text, words in [
        ("m = 3", r"prices\.m must be \[input, output\] or a table, got 3"),
        ("m = { input = 1 }", r"prices\.m needs output"),
        ("m = { input = 1, output = 2, cache = 3 }", r"prices\.m has no setting 'cache'"),
        ("m = ['x', 2]", "expected a number, got 'x'"),
        ("m = [-1, 2]", r"prices\.m: a price must be"),
    ]:
        file = write(root / "lamella.toml", f"[prices]\n{text}\n")
        with pytest.raises(ConfigError, match=words) as wrong:
            _ = load(root).prices
        assert str(wrong.value).startswith(str(file))


# -- the current project ----------------------------------------------------------------------------


def test_the_current_project_is_that_of_the_folder_loaded_once(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMELLA_CONFIG", str(write(root / "user.toml", "")))
    file = write(root / "lamella.toml", 'model = "a:b"\n')
    monkeypatch.chdir(root)
    forget_projects()
    project = current_project()
    assert (project.model, project.root) == ("a:b", root)
    write(file, 'model = "c:d"\n')
    assert current_project() is project
    forget_projects()
    assert current_project().model == "c:d"
    monkeypatch.chdir(root / "inner")
    assert current_project().file == file
    forget_projects()


def test_a_folder_that_is_gone_is_a_typed_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ConfigError, match="go to one that exists"):
        current_project()


async def test_a_project_is_used_in_its_own_context_only(root: Path) -> None:
    import asyncio

    one, two = Project.bare(overrides={"model": "a:b"}), Project.bare()

    async def seen(project: Project) -> bool:
        with use_project(project) as used:
            await asyncio.sleep(0)
            return current_project() is project is used

    assert all(await asyncio.gather(seen(one), seen(two)))
    with use_project(one):
        with use_project(two):
            assert current_project() is two
        assert current_project() is one


def test_a_bare_project_is_code_alone(installed: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    installed.add_provider("acme")
    monkeypatch.setenv("LAMELLA_MODEL", "a:b")
    monkeypatch.setenv("ACME_KEY", "sk")
    project = Project.bare()
    assert (project.model, project.root, project.file) == (None, None, None)
    assert project.env("ACME_KEY") == "sk"
    assert (project.enabled_sinks(), dict(project.tools), dict(project.agents)) == ((), {}, {})
    with pytest.raises(PluginError, match='autoload is "none"'):
        project.host.provider("acme")


def test_content_classes_come_from_the_current_project(installed: Site, root: Path) -> None:
    installed.add_plugin(
        "taste",
        """
        class Taste(MediaContent):
            type = "taste"

        @lamella.hookimpl
        def lamella_content_types():
            return [ContentSpec(id="taste", content_class=Taste)]
        """,
        group="lamella.content",
    )
    with use_project(load(root)):
        found = content_class("taste")
        assert found is not None
        assert found.type == "taste"
        assert content_class("smell") is None
    with use_project(Project.bare()):
        assert content_class("taste") is None


# -- models by name ---------------------------------------------------------------------------------

MODEL = """
    import os
    from lamella import Model
    from lamella.config import current_project

    class Model(Model):
        def __init__(self, model, api_key=None):
            self.model, self.provider = model, "acme"
            self.key = api_key or current_project().env("ACME_KEY")

        async def stream(self, request):
            yield
"""


def test_f_plg02_installing_a_provider_makes_its_models_work(installed: Site, root: Path) -> None:
    """F-PLG01: its key comes from the argument, else from the environment or ``.env``, at construction."""
    module = installed.add_provider("acme")
    write(installed.path / f"{module}_model.py", MODEL)
    write(root / ".env", "ACME_KEY=sk-dotenv\n")
    built: Any = get_model("acme:m-1", project=load(root))
    assert (built.model, built.key) == ("m-1", "sk-dotenv")
    process: Any = get_model("acme:m-1", project=load(root, {"ACME_KEY": "sk-process"}))
    assert process.key == "sk-process"
    argument: Any = get_model("acme:m-1", project=load(root), api_key="sk-argument")
    assert argument.key == "sk-argument"


def test_f_reg04_get_model_names_a_missing_sdk(installed: Site, root: Path) -> None:
    module = installed.add_provider("acme")
    write(installed.path / f"{module}_model.py", "def Model(name):\n    import no_such_sdk\n")
    with pytest.raises(PluginError, match="pip install lamella-acme") as missing:
        get_model("acme:m-1", project=load(root))
    assert isinstance(missing.value.cause, ImportError)
