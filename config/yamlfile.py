"""YAML that an operator edits, checked by pydantic, with errors that name file, line and field."""

import re
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from config.quickyaml import NotPlain, nests_deeper, plain_values
from workers.domain.errors import ConfigError, Problem

Model = TypeVar("Model", bound=BaseModel)

#: The reader that knows lines takes the square of the depth: seconds for 2,000 levels, then it has no stack left.
MOST_LEVELS = 100
TOO_DEEP = "not YAML that can be read: nested too deeply"


def round_trip() -> YAML:
    """Return a YAML reader and writer that keeps comments, order and quotes."""
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def read_text(path: Path) -> str:
    """Return the file's text. Raises ConfigError when it cannot be read or is not UTF-8."""
    try:
        body = path.read_bytes()
    except OSError as error:
        raise ConfigError(Problem(file=path, message=error.strerror or str(error))) from error
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        line = body[: error.start].count(b"\n") + 1
        raise ConfigError(Problem(file=path, line=line, message="not UTF-8 text")) from error


def read_tree(path: Path) -> Any:
    """Parse one file into a tree that knows its line numbers.

    Raises ConfigError when the file cannot be read or is not YAML (a key given twice included).
    """
    return parse_tree(read_text(path), path)


def parse_tree(text: str, path: Path) -> Any:
    """Parse text into a tree that knows its line numbers; `path` is only named in the errors.

    Raises ConfigError when the text is not YAML (a key given twice included), or nests more than `MOST_LEVELS` levels.
    """
    if nests_deeper(text, MOST_LEVELS):
        raise ConfigError(Problem(file=path, message=TOO_DEEP))
    try:
        return round_trip().load(text)
    except DuplicateKeyError as error:
        mark = error.problem_mark
        what = str(error.problem).split(" with value")[0]
        raise ConfigError(Problem(file=path, line=mark.line + 1 if mark else None, message=what)) from error
    except MarkedYAMLError as error:
        mark = error.problem_mark
        what = f"not YAML: {error.problem}"
        raise ConfigError(Problem(file=path, line=mark.line + 1 if mark else None, message=what)) from error
    except YAMLError as error:
        raise ConfigError(Problem(file=path, message=f"not YAML: {error}")) from error
    except RecursionError as error:
        raise ConfigError(Problem(file=path, message=TOO_DEEP)) from error


def line_of(tree: Any, location: tuple[str | int, ...]) -> int | None:
    """Return the 1-based line where `location` (keys and indices) stands in a parsed tree, or its nearest parent's."""
    line: int | None = None
    for step in location:
        try:
            if isinstance(tree, CommentedMap) and step in tree:
                line = tree.lc.key(step)[0] + 1
            elif isinstance(tree, CommentedSeq) and isinstance(step, int):
                line = tree.lc.item(step)[0] + 1
            else:
                return line
            tree = tree[step]
        except (KeyError, IndexError, TypeError, AttributeError):
            return line
    return line


#: Pydantic's words for a wrong type name Python's types; an operator reads YAML's.
PLAIN_WORDS = {
    "missing": "missing",
    "extra_forbidden": "unknown key",
    "bool_type": "must be true or false",
    "string_type": "must be text (put it between quotes)",
    "string_unicode": "must be text without half characters",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a group of `key: value` lines",
    "model_type": "must be a group of `key: value` lines",
}


def problems_of(error: ValidationError, path: Path, tree: Any, at: tuple[str | int, ...] = ()) -> list[Problem]:
    """Translate pydantic's report of the subtree at `at` into problems with lines."""
    problems = []
    for item in error.errors(include_url=False):
        location = at + tuple(part for part in item["loc"] if part != "[key]")  # pydantic's mark of a wrong key
        message = PLAIN_WORDS.get(item["type"], item["msg"].removeprefix("Value error, "))
        if item["type"] not in {"missing", "extra_forbidden"} and not isinstance(item["input"], dict | list):
            message = f"{message} (found {shown(item['input'])})"
        problems.append(
            Problem(
                file=path,
                line=line_of(tree, location) or 1,
                field=".".join(str(part) for part in location) or None,
                message=message,
            )
        )
    return problems


def shown(value: object) -> str:
    """Return a value as an error may show it: short, and without the password of a URL."""
    text = re.sub(r"//[^/@\s]*@", "//***@", repr(value))
    return text if len(text) <= 120 else f"{text[:119]}…"


def read_model(path: Path, model: type[Model]) -> Model:
    """Read a whole file as one model. Raises ConfigError with every problem of the file."""
    text = read_text(path)
    # nearly every file is as it should be: lines are looked for where one is not
    with suppress(NotPlain, ValidationError):
        return model.model_validate(plain_values(text))
    tree = parse_tree(text, path)
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(*problems_of(error, path, tree)) from error
