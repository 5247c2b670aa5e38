"""The same bytes wherever the work is done, and nothing is lost without a word."""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from works import (
    Double,
    assert_goes_on,
    called,
    engine,
    kill_after_three,
    part,
    parts,
)

from psyche_kedro.errors import ConfigurationError, LeakError, PartitionError
from psyche_kedro.partitions import store
from psyche_kedro.partitions.parts import PartitionedTable
from psyche_kedro.partitions.work import Done, Lost

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits are Linux's")

KINDS = ["in_process", "processes"]


@pytest.fixture
def work(tmp_path) -> Double:
    return Double(tmp_path / "marks")


def files(root: Path) -> dict[str, bytes]:
    found = sorted(p for p in root.rglob("*") if p.is_file())
    return {str(p.relative_to(root)): p.read_bytes() for p in found}


def test_each_engine_leaves_the_same_bytes_in_the_same_order(tmp_path, work):
    told = {}
    for kind in KINDS:
        results = engine(tmp_path / kind, kind).map(work, parts(tmp_path / "in", 9))
        told[kind] = [(r.name, r.rows, r.address) for r in results]
    assert told["in_process"] == told["processes"]
    assert files(tmp_path / "in_process") == files(tmp_path / "processes")


def test_results_are_the_table(tmp_path, work):
    results = list(engine(tmp_path / "store").map(work, parts(tmp_path / "in", 2)))
    kept = PartitionedTable.of(results, "kept", {})
    assert (kept.height, kept.width) == (4, 1)
    assert kept.frame()["n"].to_list() == [2, 4, 8, 10]
    assert kept.scan().collect().equals(kept.frame())


def test_a_table_without_parts_can_be_counted():
    nothing = PartitionedTable(())
    assert (nothing.height, nothing.width) == (0, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_no_more_is_under_way_than_twice_the_workers(tmp_path, work, kind):
    asked = []

    def asking():
        for one in parts(tmp_path / "in", 20):
            asked.append(one)
            yield one

    results = engine(tmp_path / "store", kind).map(work, asking())
    next(results)
    assert len(asked) <= 5
    results.close()


# ---- what is found again ---------------------------------------------------------


@pytest.mark.parametrize("second", KINDS)
@pytest.mark.parametrize("first", KINDS)
def test_what_is_finished_is_found_by_any_engine(tmp_path, work, first, second):
    some = parts(tmp_path / "in", 4)
    once = list(engine(tmp_path / "store", first).map(work, some[:2]))
    twice = list(engine(tmp_path / "store", second).map(work, some))
    assert [r.found for r in twice] == [True, True, False, False]
    assert [r.files for r in twice[:2]] == [r.files for r in once]
    assert sorted(called(work)) == [one.name for one in some]


def test_where_all_is_found_nobody_is_hired(tmp_path, work):
    some = parts(tmp_path / "in", 3)
    list(engine(tmp_path / "store").map(work, some))
    away = replace(work, marks=tmp_path / "none")
    list(engine(tmp_path / "store", "processes").map(away, some))
    assert not away.marks.exists()


@pytest.mark.parametrize("change", [{"factor": 3}, {"library": "reader@2"}])
def test_another_setting_or_library_misses_the_store(tmp_path, work, change):
    some = parts(tmp_path / "in", 2)
    list(engine(tmp_path / "store").map(work, some))
    changed = list(engine(tmp_path / "store").map(replace(work, **change), some))
    assert not any(r.found for r in changed)


def test_another_source_misses_the_store(tmp_path, work, monkeypatch):
    some = parts(tmp_path / "in", 2)
    list(engine(tmp_path / "store").map(work, some))
    monkeypatch.setattr(store, "source_digest", lambda: "another")
    again = list(engine(tmp_path / "store").map(work, some))
    assert not any(r.found for r in again)


def test_a_changed_rule_is_another_source(tmp_path, monkeypatch):
    package = tmp_path / "psyche_kedro"
    package.mkdir()
    (package / "__init__.py").write_text("", "utf-8")
    monkeypatch.setattr(store.psyche_kedro, "__file__", str(package / "__init__.py"))
    digests = []
    for rules in ("a", "b"):
        (package / "rules.yml").write_text(rules, "utf-8")
        store.source_digest.cache_clear()
        digests.append(store.source_digest())
    store.source_digest.cache_clear()
    assert digests[0] != digests[1]


def test_another_content_misses_the_store_and_another_place_does_not(tmp_path, work):
    some = parts(tmp_path / "in", 2)
    list(engine(tmp_path / "store").map(work, some))
    moved = parts(tmp_path / "elsewhere", 2)
    pl.DataFrame({"n": [7]}).write_parquet(moved[1].file.path)
    results = list(engine(tmp_path / "store").map(work, moved))
    assert [r.found for r in results] == [True, False]


def test_a_part_that_changes_while_it_is_read_is_read_again(tmp_path, work):
    class Overtaken(Double):
        def __call__(self, partition):
            made = super().__call__(partition)
            pl.DataFrame({"n": [7]}).write_parquet(partition.file.path)
            return made

    (one,) = parts(tmp_path / "in", 1)
    list(engine(tmp_path / "store").map(Overtaken(work.marks), [one]))
    results = list(engine(tmp_path / "store").map(work, [one]))
    assert PartitionedTable.of(results, "kept", {}).frame()["n"].to_list() == [14]


def test_a_folder_without_its_last_file_counts_for_nothing(tmp_path, work):
    (one,) = parts(tmp_path / "in", 1)
    (done,) = engine(tmp_path / "store").map(work, [one])
    (tmp_path / "store" / done.address / "done.json").unlink()
    (again,) = engine(tmp_path / "store").map(work, [one])
    assert not again.found


def test_a_table_that_was_cut_is_made_again(tmp_path, work):
    (one,) = parts(tmp_path / "in", 1)
    (done,) = engine(tmp_path / "store").map(work, [one])
    os.truncate(done.files["kept"].path, 20)
    (again,) = engine(tmp_path / "store").map(work, [one])
    assert (again.found, again.files) == (False, done.files)


TORN = ["", "{", "{}", "[]", '{"kept": {"rows": 1}}', "3", "[" * 10**5]


@pytest.mark.parametrize("content", TORN, ids=len)
def test_a_torn_last_file_counts_for_nothing(tmp_path, work, content):
    (one,) = parts(tmp_path / "in", 1)
    (done,) = engine(tmp_path / "store").map(work, [one])
    (tmp_path / "store" / done.address / "done.json").write_text(content, "utf-8")
    (again,) = engine(tmp_path / "store").map(work, [one])
    assert (again.found, again.files) == (False, done.files)


# ---- what goes wrong -------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_part_is_lost_by_its_name_and_costs_no_other(tmp_path, work, kind):
    some = parts(tmp_path / "in", 4)
    torn, empty = Path(some[1].file.path), Path(some[2].file.path)
    torn.write_bytes(torn.read_bytes()[:-20])
    empty.write_bytes(b"")
    gone = part(tmp_path / "in" / "gone.parquet")
    results = list(engine(tmp_path / "store", kind).map(work, [*some, gone]))
    lost = {r.name: (r.reason, r.detail) for r in results if isinstance(r, Lost)}
    assert [type(r) for r in results] == [Done, Lost, Lost, Done, Lost]
    assert {name: why for name, (why, _) in lost.items()} == {
        "in/00001.parquet": "damaged_part",
        "in/00002.parquet": "damaged_part",
        "in/gone.parquet": "unreadable_part",
    }
    assert "is empty" in lost["in/00002.parquet"][1]


def test_a_part_that_its_workers_die_of_is_lost_after_three(tmp_path, work):
    poisoned = replace(work, at={4: "die"})
    results = list(
        engine(tmp_path / "store", "processes", 1).map(
            poisoned, parts(tmp_path / "in", 3)
        )
    )
    assert [type(r) for r in results] == [Done, Lost, Done]
    assert results[1].reason == "worker_died"
    assert called(work).count("in/00001.parquet") >= 3


def test_a_worker_that_is_killed_costs_nothing(tmp_path, work):
    slow = replace(work, at=dict.fromkeys(range(0, 18, 3), "linger"))
    results = engine(tmp_path / "store", "processes").map(
        slow, parts(tmp_path / "in", 6)
    )
    told = [next(results)]
    for mark in work.marks.glob("worker.*"):
        os.kill(int(mark.suffix[1:]), signal.SIGKILL)
    told += results
    assert [type(r) for r in told] == [Done] * 6
    assert len(list(work.marks.glob("worker.*"))) > 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("act", ["leak", "fail"])
def test_a_fault_of_the_work_is_named_once_the_others_are_done(
    tmp_path, work, kind, act
):
    faulty = replace(work, at={1: act, 7: act})
    results = engine(tmp_path / "store", kind).map(faulty, parts(tmp_path / "in", 4))
    told = []
    with pytest.raises(PartitionError, match=r"on 2 part.*in/00000") as raised:
        told.extend(results)
    assert "words of a post" not in str(raised.value)
    assert [r.name for r in told] == ["in/00001.parquet", "in/00003.parquet"]
    assert len(list((tmp_path / "store").rglob("done.json"))) == 2
    mended = list(engine(tmp_path / "store").map(work, parts(tmp_path / "in", 4)))
    assert [r.found for r in mended] == [False, True, False, True]


def test_in_this_process_the_cause_can_be_seen(tmp_path, work):
    leaking = replace(work, at={0: "leak"})
    with pytest.raises(PartitionError) as raised:
        list(engine(tmp_path / "store").map(leaking, parts(tmp_path / "in", 1)))
    assert isinstance(raised.value.__cause__, LeakError)


def test_a_worker_with_another_library_does_nothing(tmp_path, work):
    class Here(Double):
        @property
        def identity(self):
            return str(os.getpid())

    job = store.Job(replace(work), store.PartitionStore(str(tmp_path / "store")))
    (one,) = parts(tmp_path / "in", 1)
    told = store.do_apart(job, f"{job.seal} of another machine", one)
    assert "install the same on both" in told.detail
    assert called(work) == []
    with pytest.raises(ConfigurationError, match="engine=in_process"):
        # A class of a function cannot be sent.
        list(engine(tmp_path, "processes").map(Here(work.marks), [one]))


# ---- a driver that is killed -----------------------------------------------------

DRIVER = """
import sys; sys.path[:] = {path!r}
from pathlib import Path
from works import Double, engine, parts
work = Double(Path({marks!r}), at={{3: "linger", 9: "stall", 12: "stall"}})
for result in engine(Path({root!r}), "processes").map(work, parts(Path({inputs!r}), 6)):
    print(result.name, flush=True)
"""


def test_a_killed_driver_leaves_no_worker_and_another_engine_goes_on(tmp_path, work):
    root, inputs = tmp_path / "store", tmp_path / "in"
    code = DRIVER.format(
        path=sys.path, marks=str(work.marks), root=str(root), inputs=str(inputs)
    )
    command = [sys.executable, "-c", code]
    kill_after_three(command, work)
    assert_goes_on(root, inputs, work, "in_process")
