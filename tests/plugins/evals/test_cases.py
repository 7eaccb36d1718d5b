"""F-X26: cases from Python, from files, and from runs that are stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from lamella import (
    Agent,
    AgentInputError,
    AgentSerializationError,
    ConfigError,
    LamellaError,
    Message,
    PromptTemplate,
)
from lamella_evals import (
    Case,
    acases_from,
    cases_from,
    contains,
    equals,
    evaluate,
    load_cases,
    load_evaluation,
    save_cases,
)
from lamella_evals.cases import named_cases
from lamella_jsonl import JSONLStore
from lamella_sim import ChatSim, Error, Script


def test_cases_are_named_by_their_text() -> None:
    long = "word " * 40
    cases = [Case("a  b"), Case("a b"), Case(long), Case([Message.user("x")]), Case("y", name="a b #2")]
    names = list(named_cases(cases))
    assert names[0] == "a b"
    assert names[1] == "a b #3", "the name that another was given is its own"
    assert len(names[2]) <= 60
    assert names[3:] == ["x", "a b #2"]
    assert str(Case([{"role": "user", "content": "native"}])) == "native"
    with pytest.raises(AgentInputError):
        Case("x", name=" ")


def test_f_x26_runs_of_production_become_cases(tmp_path: Path) -> None:
    store = JSONLStore(tmp_path / "runs")
    agent = Agent("sim:echo", name="echo", journal=store)
    plain = agent.run("say it")
    longer = agent.run([*plain.history, Message.user("again")])
    number = Agent(ChatSim(script=Script.of("[1, 2]")), output_type=list[int], journal=store).run("numbers")
    failing = Agent(ChatSim(script=Script.of(Error(status=400, message="no"))), journal=store)
    with pytest.raises(LamellaError) as raised:
        failing.run("fail")
    cases = cases_from(store, [plain.run_id, longer.run_id, number.run_id, raised.value.partial.run_id])
    assert [case.input for case in cases[::2]] == ["say it", "numbers"]
    assert cases[1].input == [*plain.history, Message.user("again")]
    assert [case.expected for case in cases] == ["say it", "again", [1, 2], None]
    assert cases[0].name == plain.run_id
    assert cases[0].meta["agent"] == "echo"
    assert cases[3].meta["status"] == "failed"
    assert evaluate(Agent("sim:echo"), cases[:2], [equals()]).passed

    save_cases(cases, tmp_path / "cases.jsonl")
    read = load_cases(tmp_path / "cases.jsonl")
    for field in ("input", "expected", "name", "meta"):
        assert [getattr(case, field) for case in read] == [getattr(case, field) for case in cases]


async def test_a_run_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AgentInputError):
        await acases_from(JSONLStore(tmp_path), ["nothing"])
    with pytest.raises(AgentInputError, match="a list of ids"):
        await acases_from(JSONLStore(tmp_path), "nothing")


def test_what_a_file_of_json_lines_cannot_hold(tmp_path: Path) -> None:
    file = tmp_path / "cases.jsonl"
    with pytest.raises(AgentSerializationError, match="checks of its own"):
        save_cases([Case("x", checks=[contains("x")])], file)
    assert not file.exists()
    template = (
        PromptTemplate.from_list([Message.user("hi")]) if hasattr(PromptTemplate, "from_list") else "hi"
    )
    save_cases([Case(template), Case(Message.user("there"))], file)
    assert len(load_cases(file)) == 2


def write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def test_f_x26_a_toml_file_has_cases_and_checks_by_name(tmp_path: Path) -> None:
    write(
        tmp_path / "own_checks.py",
        "def loud(result, case):\n    return result.output.isupper()\n"
        "def longer(than):\n    return lambda result, case: len(result.output) > than\n"
        "City = list[int]\n",
    )
    file = write(
        tmp_path / "cases.toml",
        """
        model = "sim:echo"
        system = "Be brief."
        tools = ["t.py"]
        repeat = 2
        checks = ["no_tool_errors", { contains = "A", ignore_case = true }, { is_json = true }]

        [[cases]]
        name = "one"
        input = "A"
        expected = { x = 1 }
        meta = { kind = "k" }
        checks = [
            { calls = "add", arguments = { a = 1 }, times = 1 },
            { python = "own_checks.py:loud" },
            { python = "own_checks.py:longer", than = 3 },
            { is_value = "own_checks.py:City" },
            { judged_by = "sim:demo", criterion = "good", threshold = 0.6, name = "good" },
        ]

        [[cases]]
        input = [{ role = "system", content = "s" }, { role = "user", content = "u" }]
        """,
    )
    found = load_evaluation(file)
    assert (found.model, found.system, found.tools, found.repeat) == ("sim:echo", "Be brief.", ("t.py",), 2)
    assert [str(getattr(check, "name", "")) for check in found.checks] == [
        "no_tool_errors", "contains('A')", "is_json",
    ]  # fmt: skip
    first, second = found.cases
    assert (first.name, first.expected, first.meta, len(first.checks)) == ("one", {"x": 1}, {"kind": "k"}, 5)
    assert second.input == [Message.system("s"), Message.user("u")]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "has no cases"),
        ("casse = 1\n[[cases]]\ninput='x'", "did you mean 'cases'"),
        ("[[cases]]\nexpected = 'x'", "case 1: a case is a table with an 'input'"),
        ("[[cases]]\ninput='x'\nexpect='x'", "did you mean 'expected'"),
        ("[[cases]]\ninput=5", "'input' must be text"),
        ("[[cases]]\ninput=[{role='user', content='x', wrong=1}]", "case 1"),
        ("[[cases]]\ninput='x'\nname=''", "Case.name"),
        ("checks='equals'\n[[cases]]\ninput='x'", "must be a list"),
        (
            "checks=['equal']\n[[cases]]\ninput='x'",
            "checks, 1: there is no check 'equal'; did you mean 'equals'",
        ),
        ("checks=[{calls='a', tmes=1}]\n[[cases]]\ninput='x'", "tmes"),
        ("checks=['matches']\n[[cases]]\ninput='x'", "missing a required argument"),
        ("checks=[{matches='('}]\n[[cases]]\ninput='x'", "no regular expression"),
        ("checks=[{python='nothing.py:f'}]\n[[cases]]\ninput='x'", "there is no file"),
        ("checks=[{python='f'}]\n[[cases]]\ninput='x'", "no place in Python"),
        ("checks=[{python='no_such_module:f'}]\n[[cases]]\ninput='x'", "cannot be imported"),
        ("checks=[{python='math:pi'}]\n[[cases]]\ninput='x'", "is no function"),
        ("checks=[{python='math:flor'}]\n[[cases]]\ninput='x'", "did you mean 'floor'"),
        ("checks=[5]\n[[cases]]\ninput='x'", "a check is a name"),
        ("repeat=0\n[[cases]]\ninput='x'", "repeat must be"),
        ("tools='x'\n[[cases]]\ninput='x'", "tools must be a list"),
        ("model=1\n[[cases]]\ninput='x'", "model must be text"),
        ("[[cases", "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    file = write(tmp_path / "bad.toml", text)
    with pytest.raises(ConfigError) as raised:
        load_evaluation(file)
    assert told in str(raised.value)


def test_what_is_wrong_with_json_lines(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="line 2"):
        load_cases(write(tmp_path / "a.jsonl", '{"input": "x"}\n{"input": \n'))
    with pytest.raises(ConfigError, match="has no cases"):
        load_cases(write(tmp_path / "b.jsonl", "\n"))
    with pytest.raises(ConfigError, match="there is no file"):
        load_cases(tmp_path / "c.jsonl")
    with pytest.raises(ConfigError, match=r"a \.toml, \.jsonl or \.py file"):
        load_cases(tmp_path / "c.yaml")


def test_f_x26_a_python_file_has_cases_checks_and_an_agent(tmp_path: Path) -> None:
    file = write(
        tmp_path / "python_cases.py",
        "from lamella import Agent\nfrom lamella_evals import Case, contains\n"
        "agent = Agent('sim:echo')\nchecks = [contains()]\ncases = [Case('a', 'a')]\n"
        "def many():\n    return (Case(str(n)) for n in range(3))\nwrong = ['a']\nworse = 5\n",
    )
    found = load_evaluation(f"{file}:cases")
    assert evaluate(found.agent, found.cases, found.checks).passed
    assert len(load_cases(f"{file}:many")) == 3
    assert len(load_cases(file)) == 1
    with pytest.raises(ConfigError, match="has str among its cases"):
        load_cases(f"{file}:wrong")
    with pytest.raises(ConfigError, match="must be a list of cases"):
        load_cases(f"{file}:worse")
    with pytest.raises(ConfigError, match="has no 'nothing'"):
        load_cases(f"{file}:nothing")
    with pytest.raises(ConfigError, match="ZeroDivisionError"):
        load_cases(write(tmp_path / "python_broken.py", "1 / 0"))
