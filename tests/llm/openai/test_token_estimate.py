"""Tokens where an endpoint reports none: the model's own tokenizer, still marked."""

import sys
from pathlib import Path
from typing import Any

import pytest
from asking import ask
from batch_loopback import BatchServer
from loopback import Behaviour, LoopbackServer

from psyche_kedro.datasets import OpenAIChatModelDataset
from psyche_kedro.errors import ConfigurationError
from psyche_kedro.llm import Reply, Usage
from psyche_kedro.llm.openai.completions import read_completion
from psyche_kedro.text.tokens import read_tokenizer


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    """Return a tokenizer of words, so that a count differs from any of characters."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    words = Tokenizer(
        models.WordLevel({"?": 0, "[BOS]": 1}, unk_token="?")  # noqa: S106
    )
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(
        single="[BOS] $A", special_tokens=[("[BOS]", 1)]
    )
    path = tmp_path / "tokenizer.json"
    words.save(str(path))
    return path


def _entry(url: str, folder: Path, **fields: Any) -> OpenAIChatModelDataset:
    return OpenAIChatModelDataset(
        model="m", base_url=url, store=str(folder / "replies.sqlite"), **fields
    )


def _usage(entry: OpenAIChatModelDataset) -> Usage:
    (reply,) = entry.load().complete([ask("three long words")])
    assert isinstance(reply, Reply)
    return reply.usage


def test_the_tokenizer_counts_where_no_usage_came(
    server: LoopbackServer, tmp_path: Path, tokenizer: Path
) -> None:
    server.script = lambda _: Behaviour(text="two words", usage=False)
    entry = _entry(server.url, tmp_path, tokenizer=str(tokenizer))
    assert _usage(entry) == Usage(3, 2, estimated=True)


def test_reported_usage_goes_before_the_tokenizer(
    server: LoopbackServer, tmp_path: Path, tokenizer: Path
) -> None:
    entry = _entry(server.url, tmp_path, tokenizer=str(tokenizer))
    assert _usage(entry) == Usage(10, 5)


def test_reasoning_is_counted_with_the_answer() -> None:
    body = b'{"choices": [{"message": {"content": "<think>a b </think>c"}}]}'
    answer = read_completion(body, [], count_tokens=str.__len__)
    assert answer.usage == Usage(0, len("a b") + len("c"), estimated=True)


def test_of_a_message_with_an_image_the_text_is_counted() -> None:
    parts = [{"type": "image_url", "image_url": {"url": "x"}}, {"text": "read"}]
    body = b'{"choices": [{"message": {"content": "ok"}}]}'
    messages = [{"role": "user", "content": parts}]
    answer = read_completion(body, messages, count_tokens=str.__len__)
    assert answer.usage == Usage(4, 2, estimated=True)


def test_a_batch_counts_with_it_too(tmp_path: Path, tokenizer: Path) -> None:
    with BatchServer() as provider:
        provider.usage = False
        entry = _entry(
            provider.url,
            tmp_path,
            tokenizer=str(tokenizer),
            mode="batch",
            patience={"poll_seconds": 0.05},
        )
        assert _usage(entry) == Usage(3, 4, estimated=True)


@pytest.mark.parametrize("text", [None, "{}", "no JSON"])
def test_a_tokenizer_that_is_none_stops_the_run_before_its_first_node(
    tmp_path: Path, text: str | None
) -> None:
    path = tmp_path / "broken.json"
    if text is not None:
        path.write_text(text)
    entry = _entry("http://127.0.0.1:9/v1", tmp_path, tokenizer=str(path))
    with pytest.raises(
        ConfigurationError, match=r"broken\.json must be a tokenizer\.json"
    ):
        entry.check()


def test_a_missing_package_is_named_with_its_extra(
    tokenizer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(
        ConfigurationError, match=r"`pip install psyche-kedro\[train\]`"
    ):
        read_tokenizer(tokenizer)
