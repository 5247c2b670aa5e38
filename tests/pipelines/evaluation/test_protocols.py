"""How items are asked: what each protocol shows, and what none of them may."""

import pytest
from exam_rows import counselling_case, item, items, prompts, protocol_parameters

from cards import CARDS
from psyche_kedro.errors import ConfigurationError
from psyche_kedro.llm.chat_model import Failure, Reply, Usage
from psyche_kedro.pipelines.evaluation.nodes import answer_benchmarks, write_exam_papers
from psyche_kedro.pipelines.evaluation.parameters import (
    LimitParameters,
    ProtocolParameters,
)
from psyche_kedro.pipelines.selection.nodes import choose_exemplars
from psyche_kedro.pipelines.selection.parameters import ExemplarParameters
from scripted import ScriptedChatModel, fail, text_of

MULTIPLE = {
    "cell": "knowledge_multiple",
    "benchmark": "cpsyexam",
    "subject": "普通心理学",
}
ALL = ("reasoned", "essay", "zero_shot", "five_shot", "counselling")


def exemplar(stem, gold, **changes):
    return item(stem, gold=gold, split="exemplar", **MULTIPLE | changes)


def papers(*rows, shown=(), params=None, limit=None):
    """Write what every model is asked of an exam."""
    return write_exam_papers(
        benchmark_items=items(*rows),
        exemplars=items(*shown),
        params=params or protocol_parameters(*ALL),
        limit=LimitParameters(per_cell=limit, seed=1),
        benchmarks=CARDS,
        **prompts(),
    )


def sit(*rows, protocols=ALL, rules=((".", "A"),), per_cell=5, limit=None):
    """Let a scripted model sit an exam; return it and its predictions."""
    rows = list(rows)
    drawing = ExemplarParameters(per_cell=per_cell, seed=1)
    shown = choose_exemplars(items(*rows), drawing).to_dicts()
    params = protocol_parameters(*protocols)
    model = ScriptedChatModel(list(rules))
    predictions = answer_benchmarks(
        exam_papers=papers(*rows, shown=shown, params=params, limit=limit),
        models={"qwen": model},
        params=params,
    )
    return model, predictions


def test_a_case_question_is_asked_with_its_case_and_room_to_reason():
    model, predictions = sit(
        item("首先应做什么", cell="case_single", gold="B", case_text="求助者，女。"),
        rules=[(".", "<think>先看 B</think>B")],
    )
    asked = text_of(model.requests[0])
    assert "求助者，女。" in asked
    assert "<think>" in asked
    row = predictions.row(0, named=True)
    assert row["protocol"] == "reasoned"
    assert (row["reasoning"], row["text"]) == ("先看 B", "B")
    assert row["prompt_digest"] == prompts()["exam_case"].digest


def test_a_theory_question_is_asked_without_a_case():
    _, predictions = sit(item("记忆是指", cell="theory_single", gold="B"))
    assert predictions["prompt_digest"].item() == prompts()["exam_knowledge"].digest


def test_cpsyexam_is_asked_twice_the_second_time_after_solved_exemplars():
    model, predictions = sit(
        exemplar("甲题", "AC"), item("乙题", gold="BD", **MULTIPLE)
    )
    assert predictions["protocol"].to_list() == ["zero_shot", "five_shot"]
    zero, five = (request.messages for request in model.requests)
    assert [m["role"] for m in zero] == ["system", "user"]
    assert [m["role"] for m in five] == ["system", "user", "assistant", "user"]
    assert five[2]["content"] == "答案：AC"
    assert "甲题" in five[1]["content"]
    assert five[3] == zero[1]


def test_an_exemplar_with_the_asked_stem_is_not_shown():
    model, predictions = sit(
        exemplar("乙 题", "BD"), item("乙题", gold="BD", **MULTIPLE)
    )
    assert predictions["protocol"].to_list() == ["zero_shot"]
    assert "答案：BD" not in text_of(model.requests[0])


def test_a_cell_without_exemplars_has_no_five_shot():
    _, predictions = sit(
        exemplar("甲题", "A", cell="case_single"), item("乙题", gold="BD", **MULTIPLE)
    )
    assert predictions["protocol"].to_list() == ["zero_shot"]


def test_counselling_puts_our_system_prompt_before_the_conversation():
    model, predictions = sit(
        counselling_case("我睡不着。", "多久了？", "一个月。", reference="你辛苦了。"),
        rules=[(".", "听起来很累。")],
    )
    roles = [m["role"] for m in model.requests[0].messages]
    assert roles == ["system", "user", "assistant", "user"]
    assert "你辛苦了" not in text_of(model.requests[0])
    assert predictions["text"].item() == "听起来很累。"


@pytest.mark.parametrize("protocol", ALL)
def test_no_request_shows_what_is_known_about_its_own_answer(protocol):
    secrets = {"answer_text": "参考秘密", "explanation": "解析秘密"}
    model, _ = sit(
        item("甲", cell="case_single", gold="A", case_text="案例", **secrets),
        item("乙", cell="case_essay", case_text="案例", **secrets),
        item("丙", gold="BD", **MULTIPLE, **secrets),
        exemplar("丁", "AC", **secrets),
        counselling_case("我很难过。", reference="参考秘密"),
        protocols=[protocol],
    )
    assert model.requests
    for request in model.requests:
        assert "秘密" not in text_of(request)
        assert "BD" not in text_of(request)


def test_only_the_enabled_protocols_are_asked():
    _, predictions = sit(
        item("甲", cell="theory_single", gold="A"),
        item("乙", gold="B", **MULTIPLE),
        protocols=["zero_shot"],
    )
    assert predictions["protocol"].to_list() == ["zero_shot"]


def test_every_reply_is_kept_as_it_came_and_a_failure_with_its_reason():
    cut = Failure(
        "truncated",
        "finish_reason=length",
        key="k",
        model="m",
        partial=Reply("答案：A", "m", "k", finish_reason="length", seconds=2.5),
    )
    said = Reply("很难说", "qwen@3f2a", "k", usage=Usage(9, 3), seconds=0.5)
    _, predictions = sit(
        item("说完", cell="theory_single", gold="A"),
        item("说到一半", cell="theory_single", gold="A"),
        item("没答上", cell="theory_single", gold="A"),
        rules=[("说完", said), ("说到一半", cut), (".", fail("timeout"))],
    )
    told = ("text", "finish_reason", "failure", "output_tokens", "seconds", "weights")
    assert predictions.select(told).rows() == [
        ("很难说", "stop", None, 3, 0.5, "3f2a"),
        ("答案：A", "length", "truncated", 0, 2.5, None),
        (None, None, "timeout", None, None, None),
    ]
    assert predictions["prediction_id"].n_unique() == 3


def test_the_reasoning_channel_is_kept_apart():
    _, predictions = sit(
        item("题", cell="theory_single", gold="A"),
        rules=[(".", Reply("A", "m", "k", reasoning="因为…"))],
    )
    assert predictions["reasoning"].item() == "因为…"
    assert predictions["text"].item() == "A"


UNKEYED = item("无答案", flags=["no_gold"], **MULTIPLE)
DEV = item("有答案", gold="BD", split="dev", **MULTIPLE)


def test_where_test_has_no_key_dev_is_asked_in_its_place():
    _, predictions = sit(UNKEYED, DEV)
    assert predictions["item_id"].to_list() == [DEV["item_id"]]
    assert predictions["split"].to_list() == ["dev"]


def test_how_many_items_without_a_key_are_not_asked_is_said(caplog):
    with caplog.at_level("INFO"):
        sit(UNKEYED, DEV)
    assert "1 of the exams' 2 items have no key and are not asked" in caplog.text


def test_items_without_a_key_are_asked_for_a_submission():
    asking = protocol_parameters("zero_shot").model_copy(
        update={"ask_unlabelled": True}
    )
    asked = papers(UNKEYED, DEV, params=asking)
    assert [one.item["split"] for one in asked] == ["test", "dev"]


def test_exemplars_and_a_dev_that_is_not_needed_are_not_asked():
    test = item("考题", gold="A", **MULTIPLE)
    _, predictions = sit(exemplar("甲题", "AC"), DEV, test, protocols=["zero_shot"])
    assert predictions["item_id"].to_list() == [test["item_id"]]


def mixed_exam(n=9):
    cells = ("theory_single", "moral_multiple")
    rows = [item(f"第{i}题", cell=cell, gold="A") for cell in cells for i in range(n)]
    return [*rows, item("只有一题", cell="moral_single", gold="A")]


def test_a_limit_asks_as_many_items_of_every_cell():
    _, whole = sit(*mixed_exam())
    _, part = sit(*mixed_exam(), limit=4)
    assert whole.height == 19
    counts = dict(part.group_by("cell").len().iter_rows())
    assert counts == {"theory_single": 4, "moral_multiple": 4, "moral_single": 1}


def test_a_limit_asks_the_same_items_in_any_order_and_more_where_it_is_higher():
    drawn = [
        set(sit(*rows, limit=limit)[1]["item_id"])
        for rows, limit in (
            (mixed_exam(), 4),
            (reversed(mixed_exam()), 4),
            (mixed_exam(), 6),
        )
    ]
    assert drawn[0] == drawn[1]
    assert drawn[0] < drawn[2]


def test_a_limit_leaves_the_exemplars_alone():
    shots = [exemplar(f"例{n}", "A") for n in range(3)]
    model, _ = sit(*shots, item("乙题", gold="BD", **MULTIPLE), limit=1)
    assert all(f"例{n}" in text_of(model.requests[1]) for n in range(3))


# ---- models under test -----------------------------------------------------------

EXAM = [item("工作记忆是指什么？", cell="theory_single", gold="A")]
PAPER = {"temperature": 0.0, "top_p": 0.95}


def scripted(*names):
    return {name: ScriptedChatModel([(".", "A")], name=name) for name in names}


def examined(models, trained=(), **own_sampling):
    params = protocol_parameters("reasoned").model_copy(
        update={"own_sampling": own_sampling}
    )
    return answer_benchmarks(
        exam_papers=papers(*EXAM), models=models, params=params, **dict(trained)
    )


def test_every_model_sits_the_same_exam_in_one_table_trained_ones_last():
    models, trained = scripted("teacher", "new"), scripted("base", "grpo")
    predictions = examined(models, trained)
    assert predictions["role"].to_list() == ["teacher", "new", "base", "grpo"]
    asked = [m.requests[0].messages for m in [*models.values(), *trained.values()]]
    assert all(messages == asked[0] for messages in asked)


def test_decoding_is_the_papers_and_trained_models_keep_their_own_limit():
    models, trained = scripted("teacher"), scripted("grpo")
    examined(models, trained)
    assert models["teacher"].requests[0].sampling == PAPER | {"max_tokens": 1024}
    assert trained["grpo"].requests[0].sampling == PAPER
    assert models["teacher"].requests[0].task == "answer_benchmarks"


def test_a_model_may_be_asked_in_its_own_way():
    models, trained = scripted("teacher", "reasoner"), scripted("grpo")
    own = {"temperature": 0.6, "max_tokens": 8192}
    examined(models, trained, reasoner=own, grpo={"max_tokens": 512})
    assert models["reasoner"].requests[0].sampling == PAPER | own
    assert models["teacher"].requests[0].sampling == PAPER | {"max_tokens": 1024}
    assert trained["grpo"].requests[0].sampling == PAPER | {"max_tokens": 512}


def test_a_model_that_was_not_trained_gives_no_predictions():
    predictions = examined(scripted("teacher"), {"sft": None})
    assert predictions["role"].to_list() == ["teacher"]


def test_two_models_of_one_name_are_refused():
    with pytest.raises(ConfigurationError, match="calls a model 'sft', the name"):
        examined(scripted("sft"), {"sft": None})


def test_own_sampling_of_a_model_that_is_not_there_is_refused():
    with pytest.raises(ConfigurationError, match="names 'typo', and the models under"):
        examined(scripted("teacher"), typo={"temperature": 1.0})


# ---- protocols as data -----------------------------------------------------------


def test_an_exemplar_that_is_nearly_the_asked_item_is_not_shown():
    nearly = "下列关于工作记忆容量的说法，哪些是正确的（ ）"
    model, predictions = sit(
        exemplar(nearly, "BD"),
        exemplar("情绪的外部表现包括哪些", "AC"),
        item(nearly.replace("哪些是", "哪项是"), gold="BD", **MULTIPLE),
        protocols=["five_shot"],
    )
    assert "情绪的外部表现" in text_of(model.requests[0])
    assert nearly not in text_of(model.requests[0])
    assert predictions["exemplars"].null_count() == 0


def test_what_was_shown_has_a_digest_that_every_model_shares():
    rows = [exemplar(f"第{n}道例题问的是{n * 'x'}", "AC") for n in range(6)]
    asked = [item("乙题", gold="BD", **MULTIPLE), item("丙题", gold="A", **MULTIPLE)]
    _, predictions = sit(*rows, *asked)
    shown = predictions.group_by("protocol").agg("exemplars").rows_by_key("protocol")
    assert shown["zero_shot"] == [([None, None],)]
    assert len(set(shown["five_shot"][0][0])) == 1


def test_letters_only_asks_a_shipped_exam_as_zero_shot_does():
    model, predictions = sit(
        item("记忆是指", cell="theory_single", gold="B"),
        protocols=["reasoned", "letters_only"],
        rules=[(".", "B")],
    )
    assert predictions["protocol"].to_list() == ["reasoned", "letters_only"]
    assert predictions["prompt_digest"][1] == prompts()["exam_direct"].digest
    assert "<think>" not in text_of(model.requests[1])


def test_a_setting_gives_more_room_and_stands_on_every_prediction():
    models = {"teacher": ScriptedChatModel([(".", "A")])}
    full = protocol_parameters("reasoned").model_copy(update={"setting": "full"})
    rows = answer_benchmarks(
        exam_papers=papers(item("甲", cell="theory_single", gold="A"), params=full),
        models=models,
        params=full,
    )
    assert models["teacher"].requests[0].sampling["max_tokens"] > 1024
    assert rows["setting"].to_list() == ["full"]


def test_a_setting_that_is_not_there_is_refused():
    fields = protocol_parameters("reasoned").model_dump() | {"setting": "endless"}
    with pytest.raises(ValueError, match="`setting` names 'endless'"):
        ProtocolParameters(**fields)
