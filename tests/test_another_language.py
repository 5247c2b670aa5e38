"""A prompt set in another language is a folder and no code.

English prompts, English data, English replies, through the nodes themselves: no request
has a Chinese character, and what the words of the set ask for is read in the replies.
"""

import re
import shutil
from typing import Any

import pytest

from english_set import write_english_set
from pipelines.evaluation.exam_rows import READING, counselling_case, item, items
from pipelines.synthesis.questions_made import pooled, post, question, reviewed, useful
from psyche_kedro.hooks.configuration import ConfigLoader
from psyche_kedro.pipelines.benchmarks import Benchmarks
from psyche_kedro.pipelines.evaluation import nodes as evaluation
from psyche_kedro.pipelines.evaluation.parameters import (
    JudgingParameters,
    LimitParameters,
    ProtocolParameters,
)
from psyche_kedro.pipelines.evaluation.pipeline import PROMPTS as OF_EXAMS
from psyche_kedro.pipelines.selection.nodes import answer_as_students
from psyche_kedro.pipelines.selection.parameters import StudentParameters
from psyche_kedro.pipelines.synthesis.dialogues import nodes as dialogues
from psyche_kedro.pipelines.synthesis.parameters import (
    Ask,
    DialogueParameters,
    DistillationParameters,
    QuestionParameters,
    RationaleParameters,
)
from psyche_kedro.pipelines.synthesis.questions import nodes as questions
from psyche_kedro.pipelines.synthesis.rationales import nodes as rationales
from psyche_kedro.prompts import Prompt, Words
from psyche_kedro.settings import CONFIG_LOADER_ARGS
from psyche_kedro.tables import (
    BankQuestions,
    Chunks,
    GeneratedQuestions,
    content_id,
    frame,
)
from scripted import Rule, ScriptedChatModel, as_json, text_of
from whole_run import ROOT

CHINESE = re.compile("[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]")
TEXTS = ("rote rehearsal", "chunking", "priming", "interference")
STEM = "Joining single items into larger units of memory is called ( )."
SOUND = (
    "The question asks how items become larger units. Rote rehearsal only repeats them;"
    " chunking joins them. So the answer is B."
)


@pytest.fixture(scope="module")
def configured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the project's configuration says once it has an English folder."""
    conf = tmp_path_factory.mktemp("english") / "conf"
    shutil.copytree(ROOT / "conf", conf)
    write_english_set(conf / "base/prompts/en")
    (conf / "local").mkdir(exist_ok=True)
    (conf / "local/globals.yml").write_text("prompts: en", encoding="utf-8")
    loader = ConfigLoader(str(conf), env="local", **CONFIG_LOADER_ARGS)
    found: dict[str, Any] = loader["parameters"]
    return found


@pytest.fixture
def prompts(configured: dict[str, Any]) -> dict[str, Prompt]:
    return {
        name: Prompt(**fields)
        for name, fields in configured["prompts"].items()
        if name not in ("words", "screening_examples")
    }


class English(ScriptedChatModel):
    """A model that is asked in English, or the test fails."""

    def complete(self, requests):  # type: ignore[no-untyped-def]
        outcomes = super().complete(requests)
        for request in self.batches[-1]:
            assert not CHINESE.search(text_of(request)), text_of(request)
        return outcomes


def says(*replies: Rule | str) -> English:
    return English([r if isinstance(r, tuple) else ("", r) for r in replies])


def written(answer: str, options: dict[str, str] | None = None) -> str:
    return as_json(question=STEM, options=options, answer=answer)


def asked(**fields: Any) -> dict[str, Any]:
    return question(STEM, **{"texts": TEXTS} | fields)


# ---- synthesis -------------------------------------------------------------------


def test_questions_are_written(prompts: dict[str, Prompt]) -> None:
    chunk = {
        "chunk_id": content_id("chunk"),
        "document_id": content_id("book"),
        "source": "book.md",
        "heading_path": ["Memory", "Chunking"],
        "page_ids": [content_id("page")],
        "text": "Chunking joins items into units.",
        "n_chars": 32,
    }
    asks = tuple(Ask(type=kind, count=1) for kind in ("single", "true_false"))
    options = dict(zip("ABCD", TEXTS, strict=True))
    model = says(
        ("1 single choice questions", written("Answer: B", options)),
        ("1 true or false questions", written("True")),
    )
    kept, lost = questions.generate_questions(
        frame(Chunks, [chunk]),
        prompt=prompts["question"],
        teacher=model,
        params=QuestionParameters(asks=asks),
    )
    assert lost.is_empty()
    assert kept["gold"].to_list() == [["B"], ["A"]]
    assert [o["text"] for o in kept["options"][1]] == ["True", "False"]


def test_what_subfields_lack_is_distilled(prompts: dict[str, Prompt]) -> None:
    memory = {"name": "Memory", "words": ["memory"]}
    kept, _ = questions.distil_questions(
        frame(GeneratedQuestions, []),
        frame(BankQuestions, []),
        prompt=prompts["distillation"],
        teacher=says(written("B", dict(zip("ABCD", TEXTS, strict=True)))),
        params=DistillationParameters(
            target=1, asks=({"type": "single", "count": 1},), taxonomy=(memory,)
        ),
    )
    assert kept["subfield"].to_list() == ["Memory"]


def test_questions_are_screened(
    configured: dict[str, Any], prompts: dict[str, Prompt]
) -> None:
    model = says(
        (
            "Question: Bad",
            as_json(verdict="unreasonable", reason="A figure is missing"),
        ),
        ("Question: Odd", as_json(verdict="合理", reason="")),
        "Reasonable.",
    )
    kept, lost = questions.screen_questions(
        pooled(
            asked(), question("Bad stem", texts=TEXTS), question("Odd", texts=TEXTS)
        ),
        prompt=prompts["screening"],
        examples=configured["prompts"]["screening_examples"],
        judge=model,
    )
    assert kept["stem"].to_list() == [STEM]
    assert lost["reason"].to_list() == ["incomplete", "unreadable_reply"]
    assert "Verdict: Unreasonable. The figure is missing." in text_of(model.requests[0])


def test_rationales_are_written_refined_and_chosen(
    configured: dict[str, Any], prompts: dict[str, Prompt]
) -> None:
    params = RationaleParameters(**configured["synthesis"]["rationales"])
    pool = reviewed(asked())
    told = {"Improve: ": "First define each term, then compare.", "": SOUND}
    reply = as_json(rationale=SOUND, prediction="B")
    teachers = {"teacher": says(("^Improve: ", told["Improve: "]), reply)}
    first, unsolved = rationales.write_rationales(
        pool, prompt=prompts["rationale"], teachers=teachers, params=params
    )
    rounds = rationales.refine_rationales(
        pool,
        first,
        rationale_prompt=prompts["rationale"],
        refinement_prompt=prompts["refinement"],
        revision_prompt=prompts["revision"],
        teachers=teachers,
        params=params,
    )
    chosen = rationales.choose_best_rationales(
        pool,
        rounds,
        prompt=prompts["choice"],
        judge=says(as_json(best_rationale_index=1, reason="clear")),
        params=params,
    )
    assert unsolved.is_empty()
    assert set(rounds["outcome"]) == {"verified", "accepted"}
    assert chosen["rationale"].to_list() == [SOUND]


def test_a_post_is_retold_and_answered(
    configured: dict[str, Any], prompts: dict[str, Prompt]
) -> None:
    params = DialogueParameters(**configured["synthesis"]["dialogues"])
    source = useful(
        post("I cannot sleep and I do not know what to do.", "Keep a diary of it."),
        post("I am worried about my exams, all day long.", "Make a plan."),
    )
    retold = "Client: For weeks I have not slept, and I want to know what to do."
    refined, lost = dialogues.refine_posts(
        source,
        prompt=prompts["post"],
        teacher=says(("cannot sleep", retold), "The client worries about exams."),
        params=params,
    )
    kept, _ = dialogues.write_dialogues(
        source,
        refined,
        **{
            f"{name}_prompt": prompts[name]
            for name in ("empathy", "resonance", "guidance", "steps")
        },
        judge_prompt=prompts["dialogue_judge"],
        teacher=says("Counsellor: That sounds hard. Keep a diary for a week."),
        judge=says(as_json(empathy=4, guidance=4, steps=4, safe=True, reason="good")),
        params=params,
    )
    assert lost["reason"].to_list() == ["not_first_person"]
    assert [turn["content"] for turn in kept["messages"][0]] == [
        retold.removeprefix("Client: "),
        "That sounds hard. Keep a diary for a week.",
    ]


# ---- selection and evaluation ----------------------------------------------------


def test_students_answer(
    configured: dict[str, Any], prompts: dict[str, Prompt]
) -> None:
    answers = answer_as_students(
        reasoning_samples=reviewed(asked()),
        prompt=prompts["student"],
        models={"a": says("Answer: B"), "b": says("The answer is C.")},
        params=StudentParameters(**configured["selection"]["students"]),
    )
    assert dict(answers.select("student", "outcome").rows()) == {
        "a": "right",
        "b": "wrong",
    }


def test_models_sit_the_exams(
    configured: dict[str, Any], prompts: dict[str, Prompt]
) -> None:
    options = [{"label": k, "text": v} for k, v in zip("ABCD", TEXTS, strict=True)]
    choice = {"cell": "knowledge_single", "benchmark": "cpsyexam", "options": options}
    params = ProtocolParameters(**configured["evaluation"]["protocols"])
    exam = items(
        item(STEM, gold="B", **choice),
        item(STEM, cell="theory_single", gold="B", options=options),
        counselling_case("I cannot sleep."),
    )
    papers = evaluation.write_exam_papers(
        benchmark_items=exam,
        exemplars=items(item("Other ( ).", gold="C", split="exemplar", **choice)),
        params=params,
        limit=LimitParameters(per_cell=None, seed=1),
        benchmarks=Benchmarks.model_validate(configured["benchmarks"]),
        **{name: prompts[name] for name in OF_EXAMS},
    )
    model = says(
        ("think, then answer", "<think>It joins items.</think>B"),
        ("counsellor", "That sounds hard."),
        "Answer: B",
    )
    predictions = evaluation.answer_benchmarks(
        exam_papers=papers, models={"model": model}, params=params
    )
    answers = evaluation.read_answers(predictions, exam, READING)
    together = predictions.join(answers, on="prediction_id")
    assert dict(together.select("protocol", "labels").rows()) == {
        "reasoned": ["B"],
        "zero_shot": ["B"],
        "five_shot": ["B"],
        "counselling": [],
    }
    (shown,) = [one for one in papers if one.protocol == "five_shot"]
    assert {"role": "assistant", "content": "Answer: C"} in shown.messages
    assert "An exam in psychology, single choice." in shown.messages[0]["content"]

    judge = says(as_json(analysis="It meets the feeling.", score=2))
    judged = evaluation.judge_counselling(
        predictions=predictions,
        answers=answers,
        benchmark_items=exam,
        benchmarks=Benchmarks.model_validate(configured["benchmarks"]),
        prompt=prompts["counselling_judge"],
        rubric_prompt=prompts["rubric_judge"],
        judges={"judge": judge},
        reading=READING,
        params=JudgingParameters(**configured["evaluation"]["judging"]),
    )
    assert judged.filter(dimension="EmoE")["score"].to_list() == [2.0]
    request = text_of(judge.requests[0])
    assert "Score 0: Not at all.\nScore 1: In part.\nScore 2: Fully." in request
    assert "Client: I cannot sleep." in request


def test_the_words_of_the_set_are_the_prompts(
    configured: dict[str, Any], prompts: dict[str, Prompt]
) -> None:
    words = Words(**configured["prompts"]["words"])
    assert all(prompt.words == words for prompt in prompts.values())
