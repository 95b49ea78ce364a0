"""Files, functions and signatures stay small; what does not is in a table that argues it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

LINES_OF_A_FILE = 300
LINES_OF_A_FUNCTION = 60
"""Without its docstring."""
PARAMETERS = 8

LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}
MANY_PARAMETERS = {
    "bulkput/cli/upload.py upload": "click gives each flag by its name",
    "bulkput/cli/verify.py verify": "click gives each flag by its name",
    "bulkput/ebs/data_plane.py __init__": "the parts of one wire, documented one by one",
    "bulkput/model/errors.py __init__": "the facts of a failed call, each by its name",
}


def files_of(*folders):
    return sorted(
        str(path.relative_to(ROOT)) for folder in folders for path in (ROOT / folder).rglob("*.py")
    )


FILES = files_of("bulkput", "benchmarks")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(name):
    for node in ast.walk(ast.parse((ROOT / name).read_text())):
        if isinstance(node, Function):
            yield node


def lines_of(function):
    last = function.end_lineno or 0
    count = last - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        count -= (first.end_lineno or 0) - first.lineno + 1
    return count


def parameters_of(function):
    given = function.args
    names = [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    variable = [each for each in (given.vararg, given.kwarg) if each is not None]
    return len([name for name in names if name not in ("self", "cls")]) + len(variable)


def beyond(measure, most):
    return {
        f"{name} {function.name}"
        for name in FILES
        for function in functions(name)
        if measure(function) > most
    }


def test_files_are_short_or_argued():
    names = (*FILES, *files_of("tests"))
    long = {name for name in names if len((ROOT / name).read_text().splitlines()) > LINES_OF_A_FILE}
    assert long == set(LONG_FILES)


def test_functions_fit_a_screen_or_are_argued():
    assert beyond(lines_of, LINES_OF_A_FUNCTION) == set(LONG_FUNCTIONS)


def test_signatures_are_short_or_argued():
    assert beyond(parameters_of, PARAMETERS) == set(MANY_PARAMETERS)


@pytest.mark.parametrize(
    ("source", "lines", "parameters"),
    [
        ("def f(a, *, b, **c):\n    return a\n", 2, 3),
        ('def f(self, a):\n    """One.\n\n    Two.\n    """\n    return a\n', 2, 1),
        ("async def f():\n    pass\n", 2, 0),
    ],
)
def test_what_is_measured(source, lines, parameters):
    (function,) = ast.parse(source).body
    assert isinstance(function, Function)
    assert (lines_of(function), parameters_of(function)) == (lines, parameters)
