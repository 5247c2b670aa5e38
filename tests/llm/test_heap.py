"""The garbage collector is as it was once nobody needs it otherwise."""

import gc

import pytest

from psyche_kedro.llm.heap import heap_set_aside


def test_what_stands_is_set_aside_and_comes_back() -> None:
    with heap_set_aside():
        assert gc.get_freeze_count() > 0

    assert gc.get_freeze_count() == 0


def test_the_inner_of_two_brings_nothing_back() -> None:
    usual = gc.get_threshold()

    with heap_set_aside():
        with heap_set_aside():
            pass
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold() != usual

    assert gc.get_freeze_count() == 0
    assert gc.get_threshold() == usual


def test_of_two_that_overlap_the_last_to_leave_restores() -> None:
    usual = gc.get_threshold()
    first, second = heap_set_aside(), heap_set_aside()

    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    rare = gc.get_threshold()
    second.__exit__(None, None, None)

    assert rare != usual
    assert gc.get_threshold() == usual
    assert gc.get_freeze_count() == 0


def test_an_error_inside_restores_as_well() -> None:
    usual = gc.get_threshold()

    with pytest.raises(RuntimeError), heap_set_aside():
        raise RuntimeError

    assert gc.get_threshold() == usual
    assert gc.get_freeze_count() == 0
