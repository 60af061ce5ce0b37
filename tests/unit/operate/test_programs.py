import configparser
from pathlib import Path

import pytest

from workers.domain.errors import StartError
from workers.operate.programs import Program, render_config


def render(*programs: Program, user: int | None = None, setpriv: str | None = None) -> configparser.RawConfigParser:
    text = render_config(programs, runtime=Path("/run/w"), logs=Path("/logs"), user=user, setpriv=setpriv)
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    return parser


def test_programs_of_one_order_are_one_group_so_that_they_stop_together() -> None:
    config = render(
        Program(name="io", command=["x"], start_order=20),
        Program(name="redis", command=["x"], start_order=10),
        Program(name="cpu", command=["x"], start_order=20),
    )
    assert [config[s]["programs"] for s in config.sections() if s.startswith("group:")] == ["redis", "cpu,io"]
    assert config["group:order10"]["priority"] == "10"


def test_a_program_is_never_given_up_and_its_whole_group_is_killed() -> None:
    program = render(Program(name="io", command=["x"]))["program:io"]
    assert (program["autorestart"], program["killasgroup"], program["stopasgroup"]) == ("true", "true", "false")
    assert int(program["startretries"]) >= 1_000_000


def test_a_program_gets_its_stop_signal_when_its_parent_dies() -> None:
    config = render(Program(name="pg", command=["postgres", "-D", "x"], stop_signal="INT"), setpriv="/bin/setpriv")
    assert config["program:pg"]["command"] == "/bin/setpriv --pdeathsig=INT postgres -D x"


def test_root_is_said_where_root_is_meant() -> None:
    assert render(user=0)["supervisord"]["user"] == "0"
    assert "user" not in render()["supervisord"]


@pytest.mark.parametrize(
    "program",
    [
        Program(name="x", command=["a\nb"]),
        Program(name="x", command=["a"], environment={"A": "line\nline"}),
        Program(name="x", command=["a"], environment={"A": "both \" and ' quotes"}),
        Program(name="x", command=["a"], environment={"A": '"quoted"'}),
        Program(name="x", command=["a"], environment={"A": "a #b"}),
    ],
)
def test_a_value_that_the_format_cannot_carry_is_refused(program: Program) -> None:
    with pytest.raises(StartError, match="supervisord cannot be given"):
        render(program)


def test_a_refused_environment_names_the_variable_but_not_its_value() -> None:
    with pytest.raises(StartError) as caught:
        render(Program(name="x", command=["a"], environment={"PASSWORD": "s3cret\"'"}))
    assert "PASSWORD" in str(caught.value)
    assert "s3cret" not in str(caught.value)
