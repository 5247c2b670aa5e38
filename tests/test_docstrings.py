"""What the docstrings of the core show is what the code does."""

import doctest
import inspect

import pytest

from psyche_kedro import answers, metrics, rewards

MODULES = [answers, metrics, rewards]


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.__name__)
def test_the_examples_hold(module, capsys):
    failed, _ = doctest.testmod(module)
    assert not failed, capsys.readouterr().out


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.__name__)
def test_every_public_function_is_shown(module):
    shown = "".join(
        example.source
        for docstring in doctest.DocTestFinder().find(module)
        for example in docstring.examples
    )
    functions = inspect.getmembers(
        module, lambda m: inspect.isfunction(inspect.unwrap(m))
    )
    own = {n for n, f in functions if f.__module__ == module.__name__ and n[0] != "_"}
    assert not {name for name in own if f"{name}(" not in shown}
