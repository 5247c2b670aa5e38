"""Stored outputs: found by id, else by stem and options; no match is told."""

import json
import logging
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from kedro.io import DatasetError

from psyche_kedro.datasets import ChatModelsDataset, ReplayChatModelDataset
from psyche_kedro.llm.chat_model import ChatRequest, Failure, Outcome, Reply

OPTIONS = {"A": "注意", "B": "记忆"}
BY_CONTENT = {"text": "reply", "stem": "q", "options": "choices"}


def item(stem: str, **changes: Any) -> dict[str, Any]:
    options = [{"label": k, "text": v} for k, v in OPTIONS.items()]
    return {
        "item_id": f"id-{stem}",
        "source": "exam.json",
        "locator": "3",
        "stem": stem,
        "options": options,
        "protocol": "reasoned",
        **changes,
    }


def stored(stem: str, text: str = "答案：A", **fields: Any) -> dict[str, Any]:
    return {"q": stem, "choices": OPTIONS, "reply": text, **fields}


def replay(folder: Path, *rows: dict[str, Any], **entry: Any) -> Any:
    path = folder / "gpt4.jsonl"
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines), encoding="utf-8")
    fields = {"model": "gpt-4", "filepath": str(path), "columns": BY_CONTENT}
    return ReplayChatModelDataset(**fields | entry).load()


def ask(model: Any, *items: dict[str, Any]) -> list[Outcome]:
    return model.complete(ChatRequest([], task="exam", item=one) for one in items)


def texts(outcomes: list[Outcome]) -> list[str]:
    return [o.text if isinstance(o, Reply) else o.reason for o in outcomes]


def test_an_item_is_found_by_its_stem_and_options_however_they_are_written(
    tmp_path: Path,
) -> None:
    model = replay(tmp_path, stored("12．（单选）记忆 是指（）。"), stored("别的", "B"))
    assert texts(ask(model, item("记忆是指( )"))) == ["答案：A"]


def test_an_id_goes_before_the_content_and_may_be_source_and_locator(
    tmp_path: Path,
) -> None:
    columns = {"text": "reply", "item_id": "id"}
    rows = [stored("", "A", id="id-甲"), stored("", "B", id="exam.json#3")]
    model = replay(tmp_path, *rows, columns=columns)
    assert texts(ask(model, item("甲"), item("乙"))) == ["A", "B"]


def test_what_does_not_match_is_listed_on_either_side(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = replay(tmp_path, stored("甲"), stored("不考"))
    with caplog.at_level(logging.WARNING):
        assert texts(ask(model, item("甲"), item("乙"))) == ["答案：A", "not_stored"]
    assert "1 of 2 requests have no stored reply" in caplog.text
    assert "1 of 2 stored replies are of no item that was asked: gpt4.jsonl:2" in (
        caplog.text
    )


def test_two_different_replies_to_one_question_answer_neither(tmp_path: Path) -> None:
    model = replay(tmp_path, stored("甲", "A"), stored("甲", "B"), stored("乙"))
    assert texts(ask(model, item("甲"), item("乙"))) == ["not_stored", "答案：A"]


def test_options_tell_questions_of_one_stem_apart(tmp_path: Path) -> None:
    other = stored("甲", "B") | {"choices": {"A": "情绪", "B": "意志"}}
    model = replay(tmp_path, stored("甲", "A"), other)
    assert texts(ask(model, item("甲"))) == ["A"]


def test_where_no_options_are_stored_the_stem_alone_tells(tmp_path: Path) -> None:
    columns = {"text": "reply", "stem": "q"}
    model = replay(tmp_path, stored("甲", "A"), stored("乙", "B"), columns=columns)
    assert texts(ask(model, item("乙"), item("丙"))) == ["B", "not_stored"]


def test_a_reply_answers_under_its_own_protocol_only(tmp_path: Path) -> None:
    model = replay(tmp_path, stored("甲"), protocol="zero_shot")
    asked = item("甲"), item("甲", protocol="zero_shot")
    assert texts(ask(model, *asked)) == ["not_stored", "答案：A"]


def test_a_reply_that_was_cut_off_is_truncated_and_kept(tmp_path: Path) -> None:
    columns = BY_CONTENT | {"finish_reason": "end", "reasoning": "thought"}
    row = stored("甲", "先看A", end="length", thought="想")
    (outcome,) = ask(replay(tmp_path, row, columns=columns), item("甲"))
    assert isinstance(outcome, Failure)
    assert outcome.reason == "truncated"
    assert outcome.partial is not None
    assert (outcome.partial.text, outcome.partial.reasoning) == ("先看A", "想")


def test_the_name_holds_a_digest_of_what_is_stored(tmp_path: Path) -> None:
    names = [replay(tmp_path, stored("甲", text)).name for text in ("A", "A", "B")]
    assert names[0] == names[1] != names[2]
    assert names[0].startswith("gpt-4@")


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_csv_and_parquet_with_a_column_an_option(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"m{suffix}"
    frame = pl.DataFrame({"q": ["甲"], "A": ["注意"], "B": ["记忆"], "reply": ["B"]})
    frame.write_csv(path) if suffix == ".csv" else frame.write_parquet(path)
    columns = {"text": "reply", "stem": "q", "options": ["A", "B"]}
    entry = ReplayChatModelDataset(
        model="m", filepath=str(tmp_path / f"*{suffix}"), columns=columns
    )
    assert texts(ask(entry.load(), item("甲"))) == ["B"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"columns": {"text": "reply"}}, "need `text` and one of `item_id` and `stem`"),
        ({"columns": {"txt": "reply"}}, "name 'txt': it is one of text"),
        ({"columns": {"text": "r", "stem": "q"}}, "has no column 'r', it has q"),
        ({"filepath": "gone.csv"}, "There are no stored replies of 'gpt-4'"),
    ],
)
def test_what_cannot_be_replayed_is_refused_in_one_sentence(
    tmp_path: Path, entry: dict[str, Any], said: str
) -> None:
    with pytest.raises(DatasetError, match=said) as error:
        replay(tmp_path, stored("甲"), **entry)
    assert "\n" not in str(error.value)


def test_it_is_one_of_several_models_under_test(tmp_path: Path) -> None:
    replay(tmp_path, stored("甲"))
    kind = "psyche_kedro.datasets.ReplayChatModelDataset"
    fields = {"model": "m", "columns": BY_CONTENT}
    entry = {"type": kind, "filepath": str(tmp_path / "gpt4.jsonl"), **fields}
    models = ChatModelsDataset(models={"gpt4": entry}, identity="weights")
    models.check()
    assert texts(ask(models.load()["gpt4"], item("甲"))) == ["答案：A"]
