"""``kedro replies`` on a store with replies of two models and a failure."""

import json
import sqlite3
import zlib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from llm.asking import EchoBrain, ask
from psyche_kedro.commands.replies import replies
from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm import Failure, Reply, Usage
from psyche_kedro.llm.store.reply_store import (
    FailureRecord,
    ReplyRecord,
    ReplyStore,
    pack,
)
from psyche_kedro.llm.store.submissions import Submissions
from psyche_kedro.offline.chat_model import OfflineChatModel


def _key(number: int) -> str:
    return f"{number:064x}"


@pytest.fixture
def store(tmp_path: Path) -> ReplyStore:
    filled = ReplyStore(tmp_path / "r.sqlite")
    kept = [
        ReplyRecord(
            Reply(f"答案 {i}", "qwen" if i % 2 else "gpt", _key(i), usage=Usage(3, 4)),
            task="write" if i < 6 else "judge",
        )
        for i in range(10)
    ]
    failure = Failure("truncated", "finish_reason=length", _key(99), "qwen")
    lost = FailureRecord(failure, task="write", request="{}", attempts=1, body="")
    with filled.open() as session:
        session.commit([*kept, lost])
    return filled


def _run(store: ReplyStore, *arguments: str) -> Result:
    return CliRunner().invoke(replies, ["--store", str(store.path), *arguments])


def test_show_counts_by_model_and_task(store: ReplyStore) -> None:
    shown = _run(store, "show").output
    assert "gpt · judge: 2 replies, 6 + 8 tokens, 0 hits" in shown
    assert "qwen · write: 3 replies, 9 + 12 tokens" in shown
    assert "qwen · write: 1 failed (truncated)" in shown


def test_show_of_a_key_is_the_reply(store: ReplyStore) -> None:
    shown = _run(store, "show", _key(7)).output
    assert shown.startswith(f"{_key(7)}\nqwen · judge · 20")
    assert shown.endswith("UTC\n3 + 4 tokens · stop\n\n答案 7\n")


def test_no_terminal_obeys_a_reply(store: ReplyStore) -> None:
    reply = ReplyRecord(
        Reply("\x1b]0;x\x07\u202e好\n乙", "qwen", _key(51)), task="write"
    )
    with store.open() as session:
        session.commit([reply])
    assert _run(store, "show", _key(51)).output.endswith(
        "\\x1b]0;x\\x07\\x202e好\n乙\n"
    )


def test_no_terminal_obeys_the_name_of_a_model(store: ReplyStore) -> None:
    reply = ReplyRecord(Reply("好", "\x1b[2J", _key(52)), task="\x1b[31m")
    with store.open() as session:
        session.commit([reply])
    assert "  \\x1b[2J · \\x1b[31m: 1 replies" in _run(store, "show").output


def test_show_of_a_failure_says_why(store: ReplyStore) -> None:
    shown = _run(store, "show", _key(99)).output
    assert "failed: truncated (finish_reason=length)" in shown


def test_a_beginning_that_several_have_is_refused(store: ReplyStore) -> None:
    shown = _run(store, "show", "0000")
    assert shown.exit_code == 1
    assert "Several calls begin with '0000'" in shown.output


@pytest.mark.parametrize(
    ("key", "said"),
    [("ffff", "holds no call 'ffff'"), ("xyz", "'xyz' is no address of a reply")],
)
def test_what_is_no_address_is_a_sentence(store, key: str, said: str) -> None:
    assert said in _run(store, "show", key).output


def test_what_may_quote_a_post_is_not_shown(store: ReplyStore) -> None:
    reply = ReplyRecord(Reply("张三", "qwen", _key(50)), task="clean_posts")
    with store.open() as session:
        session.commit([reply])
    shown = _run(store, "show", _key(50)).output
    assert "张三" not in shown
    assert "`kedro replies export` has it" in shown


def test_show_counts_how_often_replies_were_used_again(store: ReplyStore) -> None:
    model = OfflineChatModel(EchoBrain("echo"), store)
    requests = [ask(str(i), task="rank") for i in range(3)]
    model.complete(requests)
    assert "echo · rank: 3 replies, 0 + 0 tokens, 0 hits" in _run(store, "show").output
    model.complete([*requests, ask("new", task="rank")])
    model.complete(requests[:1])
    assert "echo · rank: 4 replies, 0 + 0 tokens, 4 hits" in _run(store, "show").output


def test_a_store_of_the_first_version_is_brought_to_this_one(store: ReplyStore) -> None:
    raw = sqlite3.connect(store.path)
    raw.execute("DROP TABLE hits")
    raw.execute("ALTER TABLE replies DROP COLUMN seconds")
    raw.execute("ALTER TABLE failures DROP COLUMN partial")
    raw.execute("PRAGMA user_version = 1")
    raw.close()
    assert "gpt · judge: 2 replies, 6 + 8 tokens, 0 hits" in _run(store, "show").output
    assert _run(store, "verify").exit_code == 0


@pytest.mark.parametrize("command", ["show", "verify", "retry"])
def test_a_database_of_something_else_is_left_alone(
    tmp_path: Path, command: str
) -> None:
    other = tmp_path / "mlflow.db"
    raw = sqlite3.connect(other)
    raw.execute("CREATE TABLE runs (id)")
    raw.close()
    result = _run(ReplyStore(other), command)
    assert result.exit_code == 1
    assert "is a database of something else, no reply store" in result.output
    raw = sqlite3.connect(other)
    assert raw.execute("SELECT name FROM sqlite_schema").fetchall() == [("runs",)]
    raw.close()


def test_prune_removes_one_models_replies_of_one_task(store: ReplyStore) -> None:
    assert (
        "3 replies removed"
        in _run(store, "prune", "--model", "qwen", "--task", "write").output
    )
    assert "qwen · write: 3 replies" not in _run(store, "show").output


def test_prune_refuses_to_remove_everything(store: ReplyStore) -> None:
    result = _run(store, "prune")
    assert result.exit_code == 1
    assert "needs a --model or a --task" in result.output


def test_retry_forgets_failures_of_a_reason(store: ReplyStore) -> None:
    assert "0 requests" in _run(store, "retry", "--reason", "content_filter").output
    assert "1 requests" in _run(store, "retry", "--reason", "truncated").output
    assert "failed" not in _run(store, "show").output


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["prune", "--task", "wirte"], "task 'wirte': name one of judge, write."),
        (["prune", "--model", "gtp"], "model 'gtp': name one of gpt, qwen."),
        (["retry", "--reason", "too_long"], "content_filter, context_length, only_"),
        (["retry", "--task", "wirte"], "judge, write"),
    ],
)
def test_a_name_that_is_nowhere_is_an_error_that_names_those_there_are(
    store: ReplyStore, arguments: list[str], names: str
) -> None:
    result = _run(store, *arguments)
    assert result.exit_code == 1
    assert names in result.output


def test_batches_under_way_are_shown_and_abandoned(store: ReplyStore) -> None:
    Submissions(store, "http://x/v1", "qwen").prepare("s", ["ab", "cd"])
    line = "qwen · batch not named yet: 2 calls submitted, not collected"
    assert line in _run(store, "show").output
    assert _run(store, "abandon").output == "1 batches forgotten\n"
    assert "submitted" not in _run(store, "show").output


def test_an_export_fills_an_empty_store_once(store: ReplyStore, tmp_path: Path) -> None:
    file, other = tmp_path / "all.jsonl", ReplyStore(tmp_path / "other.sqlite")
    assert "10 replies written" in _run(store, "export", str(file)).output
    assert "10 replies added" in _run(other, "import", str(file)).output
    assert "0 replies added" in _run(other, "import", str(file)).output
    with store.open() as ours, other.open() as theirs:
        keys = [_key(i) for i in range(10)]
        assert ours.look_up(keys) == theirs.look_up(keys)


def test_half_a_character_survives_export_and_import(
    store: ReplyStore, tmp_path: Path
) -> None:
    with store.open() as session:
        session.commit([ReplyRecord(Reply("a\ud83d", "m", _key(50)), task="t")])
    file, other = tmp_path / "all.jsonl", ReplyStore(tmp_path / "other.sqlite")
    assert "11 replies written" in _run(store, "export", str(file)).output
    assert "11 replies added" in _run(other, "import", str(file)).output


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": "zz"},
        {"key": "ab"},
        {"key": 5},
        {"text": 5},
        {"model": None},
        {"usage": ["a", 2, False]},
        {"usage": {"a": 1, "b": 2, "c": 3}},
        {"usage": [10**30, 1, False]},
        {"usage": [1]},
    ],
    ids=str,
)
def test_a_line_that_is_no_exported_reply_is_named(
    store: ReplyStore, tmp_path: Path, wrong: dict[str, Any]
) -> None:
    file, other = tmp_path / "all.jsonl", ReplyStore(tmp_path / "other.sqlite")
    _run(store, "export", str(file))
    good, *_ = file.read_text().splitlines()
    bad = json.dumps(json.loads(good) | wrong)
    file.write_text(f"{good}\n{bad}\n")
    result = _run(other, "import", str(file))
    assert result.exit_code == 1
    assert "Line 2 of" in result.output


@pytest.mark.parametrize("content", [b"[]", b"\xff\xfe", b'{"key": "', b"[" * 10**5])
def test_a_file_that_is_no_export_is_named_by_its_line(
    store: ReplyStore, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "wrong.jsonl"
    file.write_bytes(content)
    result = _run(store, "import", str(file))
    assert "Line 1 of" in result.output
    assert result.exit_code == 1


def test_a_file_that_cannot_be_written_is_named(
    store: ReplyStore, tmp_path: Path
) -> None:
    result = _run(store, "export", str(tmp_path / "no" / "such.jsonl"))
    assert result.exit_code == 1
    assert "such.jsonl cannot be written (No such file or directory)" in result.output


@pytest.mark.parametrize(
    "text",
    [
        b"\0",
        "no blob",
        pack("好" * 100)[:-2],
        zlib.compress(b"\xff"),
        zlib.compress(bytes(2**28 + 1)),
    ],
    ids=["no zlib", "of another type", "cut", "no UTF-8", "a bomb"],
)
def test_an_export_leaves_out_what_cannot_be_read_and_says_so(
    store: ReplyStore, tmp_path: Path, text: bytes | str
) -> None:
    raw = sqlite3.connect(store.path)
    raw.execute(
        "UPDATE replies SET text = ? WHERE key = ?", [text, bytes(31) + b"\x03"]
    )
    raw.commit()
    raw.close()
    result = _run(store, "export", str(tmp_path / "all.jsonl"))
    assert result.exit_code == 1
    assert "9 replies written" in result.output
    assert "1 replies of" in result.output
    expected = pytest.raises(ChatModelError, match="`kedro replies export`")
    with store.open() as session, expected:
        session.look_up([_key(3)])


@pytest.mark.parametrize("value", ["x'00ff'", "'many'", "1e300", "9223372036854775807"])
@pytest.mark.parametrize(
    "column",
    ["model", "task", "text", "finish_reason", "output_tokens", "stored_at", "seconds"],
)
def test_whatever_stands_in_a_column_is_a_reply_or_a_sentence(
    store: ReplyStore, tmp_path: Path, column: str, value: str
) -> None:
    with sqlite3.connect(store.path) as raw:
        raw.execute(f"UPDATE replies SET {column} = {value} WHERE id = 4")  # noqa: S608
    for command in (
        ("show",),
        ("show", _key(3)),
        ("verify",),
        ("export", str(tmp_path / "all.jsonl")),
        ("prune", "--task", "nowhere"),
    ):
        ended = _run(store, *command)
        assert isinstance(ended.exception, SystemExit | None)
        assert "Traceback" not in ended.output
        assert "  File " not in ended.output


def test_verify_finds_a_reply_that_cannot_be_read(store: ReplyStore) -> None:
    assert "is sound" in _run(store, "verify").output
    raw = sqlite3.connect(store.path)
    raw.execute("UPDATE replies SET text = x'00' WHERE key = ?", [bytes(31) + b"\x03"])
    raw.commit()
    raw.close()
    result = _run(store, "verify")
    assert result.exit_code == 1
    assert f"reply {_key(3)} cannot be read" in result.output


def test_a_missing_store_is_named(tmp_path: Path) -> None:
    result = _run(ReplyStore(tmp_path / "none.sqlite"), "show")
    assert "There is no reply store at" in result.output


@pytest.mark.parametrize("command", ["show", "verify", "prune", "retry", "export"])
def test_help_needs_no_store(tmp_path: Path, command: str) -> None:
    arguments = ["--store", str(tmp_path / "none"), command, "--help"]
    result = CliRunner().invoke(replies, arguments)
    assert (result.exit_code, result.output.split(":")[0]) == (0, "Usage")
