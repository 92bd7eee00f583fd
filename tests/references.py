"""Every reference that the code can give an error, found in its syntax trees."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path

import puzzlecam_cli
from puzzlecam_cli.cli.mendable import SYSTEM_ERRORS

PACKAGE = Path(puzzlecam_cli.__file__).parent
Function = ast.FunctionDef | ast.AsyncFunctionDef
Call = tuple[str, ast.Call, Function | None]  # the file, the call, and the function that it is in
ERROR, TABLE = "UserError", "cli/mendable.py"
PASSED_ON = (ast.Attribute, ast.Call)  # `error.reference`, as it is or in part replaced: given where it was made


def references() -> dict[str, str]:
    """Each reference, and a place that gives it.

    Raises:
        AssertionError: of some error it cannot be told.
    """
    found = {reference: TABLE for reference, _, _ in SYSTEM_ERRORS.values()}
    for file, call, function in _all_calls()[ERROR]:
        first, place = call.args[0], f"{file}:{call.lineno}"
        texts = _texts(first, file, function)
        assert texts or isinstance(first, PASSED_ON) or file == TABLE, f"{place}: {ast.unparse(first)}"
        found |= dict.fromkeys(texts, place)
    return found


@cache
def _all_calls() -> dict[str, list[Call]]:
    """By the name that is called."""
    found = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        file = str(path.relative_to(PACKAGE))
        for call, function in _calls(ast.parse(path.read_text()), None):
            found[getattr(call.func, "id", "") or getattr(call.func, "attr", "")].append((file, call, function))
    return found


def _calls(node: ast.AST, function: Function | None) -> Iterator[tuple[ast.Call, Function | None]]:
    """All calls below a node, each with the function that it is in."""
    for below in ast.iter_child_nodes(node):
        if isinstance(below, ast.Call):
            yield below, function
        yield from _calls(below, below if isinstance(below, Function) else function)


def _texts(value: ast.expr, file: str, function: Function | None) -> set[str]:
    """What an expression can be; a parameter: what calls of its function give it."""
    match value:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.IfExp(body=body, orelse=other):
            return _texts(body, file, function) | _texts(other, file, function)
        case ast.FormattedValue(value=inner):
            return _texts(inner, file, function)
        case ast.JoinedStr(values=parts):
            return {"".join(texts) for texts in product(*(_texts(part, file, function) for part in parts))}
        case ast.Name(id=name) if function is not None:
            return _given(function, file, name)
    return set()


def _given(function: Function, file: str, parameter: str) -> set[str]:
    """What a parameter is by default and in all calls; those of a private function are in its own file."""
    arguments = function.args
    names = [argument.arg for argument in arguments.args]
    defaults = dict(zip(reversed(names), reversed(arguments.defaults), strict=False))
    defaults |= {a.arg: d for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None}
    found = _texts(defaults[parameter], file, None) if parameter in defaults else set()
    for place, call, caller in _all_calls()[function.name]:
        if function.name.startswith("_") and place != file:
            continue
        named = [keyword.value for keyword in call.keywords if keyword.arg == parameter]
        number = names.index(parameter) if parameter in names else len(call.args)
        for value in named or call.args[number : number + 1]:
            found |= _texts(value, place, caller)
    return found
