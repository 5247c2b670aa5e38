import pytest

from psyche_kedro.datasets.bundle_dataset import parts_taken
from psyche_kedro.pipelines.wiring import wire


def count(*, chunks, params):
    return len(chunks) * params


def gather(first, second="none", **others):
    return [first, second, *others.values()]


def test_an_argument_reads_the_dataset_of_its_name():
    node = wire(count, "counts", params="params:counting")
    assert node.inputs == ["chunks", "params:counting"]
    assert node.run({"chunks": "ab", "params:counting": 3}) == {"counts": 6}


def test_a_node_is_called_like_its_function_or_as_it_is_told():
    assert wire(count, "counts").name == "count"
    assert wire(count, "counts", name="count_chunks").name == "count_chunks"


def test_what_has_a_default_and_further_arguments_are_read_where_they_are_named():
    node = wire(gather, ["one", "two", "three"], **{"QA-Rat": "arm"})
    assert node.inputs == ["first", "arm"]
    made = node.run({"first": 1, "arm": 3})
    assert made == {"one": 1, "two": "none", "three": 3}
    assert wire(gather, "all", second="other").inputs == ["first", "other"]


def test_an_argument_that_the_function_lacks_is_refused():
    with pytest.raises(TypeError, match=r"expected \['chunks', 'params'\], but got"):
        wire(count, "counts", chunk="chunks")


def test_of_a_bundle_an_argument_is_given_the_part_behind_its_name():
    node = wire(count, "counts", chunks="raw_files/posts", params="params:counting")
    assert node.inputs == ["raw_files", "params:counting"]
    assert dict(parts_taken(node)) == {"raw_files": "posts", "params:counting": None}
    given = {"raw_files": {"posts": "ab", "public": ""}, "params:counting": 2}
    assert node.run(given) == {"counts": 4}
