"""The offline model goes through the same engine and store as any other."""

from llm.asking import EchoBrain, ask
from psyche_kedro.llm import Failure, Reply
from psyche_kedro.llm.store.reply_store import ReplyStore
from psyche_kedro.offline.chat_model import OfflineChatModel


def _texts(outcomes: list[Reply | Failure]) -> list[str]:
    return [o.text if isinstance(o, Reply) else o.reason for o in outcomes]


def test_outcomes_stand_in_the_order_of_the_requests(store: ReplyStore) -> None:
    model = OfflineChatModel(EchoBrain(), store)
    outcomes = model.complete(ask(str(i)) for i in range(1000))
    assert _texts(outcomes) == [f"{i}#0" for i in range(1000)]
    assert {outcome.model for outcome in outcomes} == {"echo-1"}


def test_a_second_run_asks_nothing(store: ReplyStore) -> None:
    first, second = EchoBrain(), EchoBrain()
    requests = [ask(str(i)) for i in range(300)]
    before = OfflineChatModel(first, store).complete(requests)
    after = OfflineChatModel(second, store).complete(requests)
    assert (len(first.asked), second.asked) == (300, [])
    assert after == before


def test_one_row_added_asks_for_one(store: ReplyStore) -> None:
    brain = EchoBrain()
    model = OfflineChatModel(brain, store)
    model.complete(ask(str(i)) for i in range(2000))
    model.complete(ask(str(i)) for i in range(-1, 2000))
    assert brain.asked[2000:] == ["-1"]


def test_equal_requests_are_asked_once(store: ReplyStore) -> None:
    brain = EchoBrain()
    outcomes = OfflineChatModel(brain, store).complete(
        ask(f"{i % 7}") for i in range(700)
    )
    assert sorted(brain.asked) == [str(i) for i in range(7)]
    assert _texts(outcomes) == [f"{i % 7}#0" for i in range(700)]


def test_a_regeneration_is_another_request(store: ReplyStore) -> None:
    model = OfflineChatModel(EchoBrain(), store)
    assert _texts(model.complete([ask("q"), ask("q", attempt=1)])) == ["q#0", "q#1000"]


def test_two_models_never_get_each_others_reply(store: ReplyStore) -> None:
    one, two = EchoBrain("one"), EchoBrain("two")
    OfflineChatModel(one, store).complete([ask("q")])
    (reply,) = OfflineChatModel(two, store).complete([ask("q")])
    assert (reply.model, two.asked) == ("two", ["q"])


def test_silence_is_a_failure_with_a_reason(store: ReplyStore) -> None:
    class Mute(EchoBrain):
        def answer(self, *args: object, **kwargs: object) -> str:
            return ""

    (outcome,) = OfflineChatModel(Mute(), store).complete([ask("q")])
    assert isinstance(outcome, Failure)
    assert outcome.reason == "empty_reply"


def test_nothing_asked_is_nothing_answered(store: ReplyStore) -> None:
    assert OfflineChatModel(EchoBrain(), store).complete([]) == []
