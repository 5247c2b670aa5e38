"""A store that several machines can reach: S3, as a server of this machine plays it."""

import pytest
from works import AMPLE, Double, parts

from psyche_kedro.datasets import PartitionedTableDataset
from psyche_kedro.partitions.engines import InProcess, MapEngine, Processes
from psyche_kedro.partitions.parts import PartitionedTable
from psyche_kedro.partitions.store import PartitionStore

moto = pytest.importorskip("moto.server", reason="moto is absent")
pytest.importorskip("s3fs", reason="s3fs is absent")


@pytest.fixture
def store():
    import s3fs

    server = moto.ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    options = {
        "key": "key",
        "secret": "secret",
        "client_kwargs": {"endpoint_url": f"http://{host}:{port}"},
    }
    s3fs.S3FileSystem(**options, skip_instance_cache=True).makedirs(
        "bucket", exist_ok=True
    )
    yield PartitionStore("s3://bucket/psyche/partitions", options)
    server.stop()


def test_what_one_machine_has_finished_another_finds(store, tmp_path):
    work, some = Double(tmp_path / "marks"), parts(tmp_path / "in", 4)
    store.check()
    first = list(MapEngine(store, Processes(2, AMPLE)).map(work, some[:3]))
    second = list(MapEngine(store, InProcess()).map(work, some))
    assert [r.found for r in second] == [True, True, True, False]
    assert [r.files for r in second[:3]] == [r.files for r in first]
    (kept,) = store.kept()
    assert (kept.partitions, kept.folders) == (4, [])


def test_a_table_comes_from_there_and_stands_there(store, tmp_path):
    results = MapEngine(store, InProcess()).map(
        Double(tmp_path / "marks"), parts(tmp_path / "in", 3)
    )
    table = PartitionedTable.of(results, "kept", store.options)
    model = "psyche_kedro.tables.Rejections"
    for path, credentials in (
        (str(tmp_path / "table"), None),
        ("s3://bucket/table", store.options),
    ):
        dataset = PartitionedTableDataset(
            path=path, model=model, credentials=credentials
        )
        dataset.save(table)
        assert dataset.load().frame().equals(table.frame())
        assert dataset.scan().collect().equals(table.frame())
