"""Nodes run with the heap set aside, those that fail included."""

import gc

from kedro.pipeline import node

from psyche_kedro.hooks.heap_aside import HeapAside


def named(name: str):
    return node(lambda: None, None, name, name=name)


def test_the_heap_is_aside_while_a_node_runs():
    usual, hook = gc.get_threshold(), HeapAside()
    hook.before_node_run(named("a"))
    assert gc.get_freeze_count() > 0
    hook.after_node_run(named("a"))
    assert (gc.get_freeze_count(), gc.get_threshold()) == (0, usual)


def test_of_two_nodes_beside_each_other_the_last_brings_it_back():
    usual, hook = gc.get_threshold(), HeapAside()
    hook.before_node_run(named("a"))
    hook.before_node_run(named("b"))
    hook.on_node_error(named("a"))
    assert gc.get_freeze_count() > 0
    hook.after_node_run(named("b"))
    assert (gc.get_freeze_count(), gc.get_threshold()) == (0, usual)


def test_what_an_interrupted_run_set_aside_the_next_brings_back():
    usual, hook = gc.get_threshold(), HeapAside()
    hook.before_node_run(named("a"))
    hook.before_pipeline_run()
    assert (gc.get_freeze_count(), gc.get_threshold()) == (0, usual)
