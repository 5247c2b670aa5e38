"""A random model of two layers: what it says is noise, and must be the same noise."""

import gc
import itertools
import json
import threading
import weakref

import pytest
import torch
from transformers import GenerationMixin, Qwen2Config, Qwen2ForCausalLM

from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm import ChatRequest, Failure, Reply
from psyche_kedro.llm.local_chat_model import LocalChatModel
from psyche_kedro.llm.panel import ask_all
from psyche_kedro.llm.store.reply_store import ReplyStore
from psyche_kedro.pipelines.training.base_model import write_tiny_model
from psyche_kedro.pipelines.training.parameters import TinyModelParameters

WORDS = ("保密", "移情", "共情是咨询的基础。", "来访者说：我睡不好，也吃不下。")
POSITIONS = 256
SIZE = TinyModelParameters(vocabulary=400, hidden=32, layers=2, heads=4, seed=0)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Return a folder of a model that ends at one token in six, so that it does end."""
    folder = tmp_path_factory.mktemp("random_model")
    write_tiny_model(folder, WORDS, SIZE)
    config = Qwen2Config.from_pretrained(folder)
    config.max_position_embeddings = POSITIONS
    config.initializer_range = 0.4  # else it repeats the last token of the prompt
    config.tie_word_embeddings = False
    torch.manual_seed(3)
    model = Qwen2ForCausalLM(config)
    model.generation_config.eos_token_id = list(range(3, config.vocab_size, 6))
    model.save_pretrained(folder)
    return folder


@pytest.fixture
def generated(monkeypatch):
    """Return the shapes ``(n_prompts, n_tokens)`` of all batches generated so far."""
    shapes, generate = [], GenerationMixin.generate

    def spy(model, *, input_ids, **options):
        shapes.append(tuple(input_ids.shape))
        return generate(model, input_ids=input_ids, **options)

    monkeypatch.setattr(GenerationMixin, "generate", spy)
    return shapes


def request(n, **sampling):
    words = (WORDS[i % len(WORDS)] for i in range(n, 2 * n + 1))
    return ChatRequest([{"role": "user", "content": "".join(words)}], "test", sampling)


REQUESTS = [request(n) for n in (3, 12, 1, 8, 2, 11, 5, 7, 4, 10, 6, 9)]


def model_of(folder, store, **settings):
    sampling = {"max_tokens": 12, **settings.pop("sampling", {})}
    fixed = {"device": "cpu", "threads": 1, "name": "random@1"}
    return LocalChatModel(
        folder, store=ReplyStore(store), sampling=sampling, **fixed | settings
    )


def said(outcomes):
    return [o.text if isinstance(o, Reply) else o.reason for o in outcomes]


def test_a_reply_is_the_same_alone_and_in_company(weights, tmp_path, generated):
    alone = model_of(weights, tmp_path / "a", batch_tokens=1).complete(REQUESTS)
    assert {n for n, _ in generated} == {1}
    generated.clear()
    company = model_of(weights, tmp_path / "b", batch_tokens=10_000).complete(REQUESTS)
    assert [n for n, _ in generated] == [len(REQUESTS)]
    assert said(company) == said(alone)
    assert len(set(said(alone))) > len(REQUESTS) // 2


def test_a_batch_holds_prompts_of_like_length_within_the_budget(
    weights, tmp_path, generated
):
    budget = 600
    outcomes = model_of(weights, tmp_path / "a", batch_tokens=budget).complete(REQUESTS)
    assert sum(n for n, _ in generated) == len(outcomes) == len(REQUESTS)
    assert all(n * (length + 12) <= budget for n, length in generated)
    assert 1 < len(generated) < len(REQUESTS)
    lengths = [length for _, length in generated]
    assert lengths == sorted(lengths, reverse=True)


def test_a_prompt_without_room_for_its_reply_fails_and_its_neighbours_do_not(
    weights, tmp_path, generated
):
    long = request(300)
    outcomes = model_of(weights, tmp_path / "a").complete([*REQUESTS, long])
    assert said(outcomes[:-1]) == said(
        model_of(weights, tmp_path / "b").complete(REQUESTS)
    )
    failure = outcomes[-1]
    assert isinstance(failure, Failure)
    assert failure.reason == "context_length"
    assert str(POSITIONS) in failure.detail
    assert "咨询" not in failure.detail
    assert max(length for _, length in generated) + 12 <= POSITIONS


def test_room_for_the_reply_counts(weights, tmp_path):
    (short,) = model_of(weights, tmp_path / "a").complete([request(1)])
    (long,) = model_of(weights, tmp_path / "a").complete(
        [request(1, max_tokens=POSITIONS)]
    )
    assert said([short]) != ["context_length"]
    assert said([long]) == ["context_length"]


def test_a_reply_ends_at_every_stop_token_of_the_models_file(weights, tmp_path):
    outcomes = model_of(weights, tmp_path / "a").complete(REQUESTS)
    ended = [o for o in outcomes if isinstance(o, Reply)]
    assert ended
    assert all(reply.finish_reason == "stop" for reply in ended)
    assert all(reply.usage.output_tokens < 12 for reply in ended)


def test_greedy_is_greedy_whatever_the_models_file_says(weights, tmp_path):
    folder = tmp_path / "penal"
    folder.mkdir()
    for file in weights.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    path = folder / "generation_config.json"
    habits = {"repetition_penalty": 9.0, "do_sample": True, "temperature": 3.0}
    habits |= {"no_repeat_ngram_size": 2, "min_new_tokens": 10}
    path.write_text(json.dumps(json.loads(path.read_text()) | habits))
    plain = model_of(weights, tmp_path / "a").complete(REQUESTS)
    assert said(model_of(folder, tmp_path / "b").complete(REQUESTS)) == said(plain)
    asked = model_of(weights, tmp_path / "c", sampling={"repetition_penalty": 9.0})
    assert said(asked.complete(REQUESTS)) != said(plain)


def test_a_sampled_reply_depends_on_its_own_seed_alone(weights, tmp_path):
    drawn = [request(n, temperature=1.0) for n in (3, 1, 2)]
    together = model_of(weights, tmp_path / "a").complete(drawn)
    apart = [model_of(weights, tmp_path / "b").complete([r])[0] for r in drawn]
    assert said(together) == said(apart)
    other = model_of(weights, tmp_path / "a", sampling={"seed": 7}).complete(drawn)
    assert said(other) != said(together)


def test_a_field_of_sampling_that_it_cannot_follow_stops_it(weights, tmp_path):
    model = model_of(weights, tmp_path / "a", sampling={"frequency_penalty": 1.0})
    with pytest.raises(ChatModelError, match="frequency_penalty"):
        model.complete(REQUESTS)


def test_what_was_generated_before_an_interruption_is_kept(
    weights, tmp_path, generated, monkeypatch
):
    outcomes = model_of(weights, tmp_path / "a").complete(REQUESTS)
    told = zip(REQUESTS, said(outcomes), strict=True)
    requests = [r for r, text in told if text != "empty_reply"]  # is asked again always
    generated.clear()
    generate = GenerationMixin.generate

    def stop(model, **options):
        if len(generated) == 2:
            raise KeyboardInterrupt
        return generate(model, **options)

    with monkeypatch.context() as patched:
        patched.setattr(GenerationMixin, "generate", stop)
        with pytest.raises(KeyboardInterrupt):
            model_of(weights, tmp_path / "b", batch_tokens=400).complete(requests)
    finished = sum(n for n, _ in generated)
    generated.clear()
    model_of(weights, tmp_path / "b", batch_tokens=400).complete(requests)
    assert 0 < finished < len(requests)
    assert sum(n for n, _ in generated) == len(requests) - finished


def test_models_that_are_asked_at_once_take_turns(weights, tmp_path, monkeypatch):
    """Of sampled replies too each is its own: torch has one seed for all."""
    sampled = [request(n, temperature=1.0) for n in (3, 8, 5, 7)]
    alone = {
        name: said(model_of(weights, tmp_path / name, name=name).complete(sampled))
        for name in "ab"
    }
    turns, generate = [], GenerationMixin.generate

    def watched(model, **options):
        turns.append(threading.get_ident())
        return generate(model, **options)

    monkeypatch.setattr(GenerationMixin, "generate", watched)
    models = {name: model_of(weights, tmp_path / "both", name=name) for name in "ab"}
    together = ask_all(models, lambda name: sampled)
    assert {name: said(replies) for name, replies in together.items()} == alone
    changes = sum(one != other for one, other in itertools.pairwise(turns))
    assert (len(turns), changes) == (2 * len(sampled), 1)


def test_weights_leave_the_memory_with_the_last_reply(weights, tmp_path, monkeypatch):
    made, generate = [], GenerationMixin.generate

    def watched(model, **options):
        made.append(weakref.ref(model))
        return generate(model, **options)

    monkeypatch.setattr(GenerationMixin, "generate", watched)
    model = model_of(weights, tmp_path / "r")
    assert said(model.complete(REQUESTS[:2]))
    gc.collect()
    assert made
    assert not [alive for reference in made if (alive := reference())]
