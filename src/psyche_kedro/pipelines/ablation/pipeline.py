"""Each arm of Tables 3 and 4 and of Figure 3: a slice of the chapters.

An arm runs from what it changes to its predictions, in a namespace of its own
(``QA.sft_model``). What stands before the slice is the chapters' own and is made once;
"Base", "+SFT" and "+SFT+GRPO" (which is "+Rat.+Iter.", "+ED+PRD+APD" and MLCS, too) are
the chain's models. To add an arm, add a line to ``ARMS``, and to the parameters what
it reads.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from kedro.pipeline import Node, Pipeline

from psyche_kedro.pipelines import evaluation, selection, training
from psyche_kedro.pipelines.ablation.nodes import gather_models, gather_predictions
from psyche_kedro.pipelines.accounts import account_node, beside, written
from psyche_kedro.pipelines.evaluation.pipeline import answering_node
from psyche_kedro.pipelines.training.pipeline import listing_node
from psyche_kedro.pipelines.wiring import wire


class Arm(NamedTuple):
    """One row of a table.

    Attributes:
        name: Its namespace, and the role of its model.
        changes: By what the chapters read, what this arm reads in its place.
        stage: The model that is compared.
    """

    name: str
    changes: Mapping[str, str]
    stage: Literal["sft", "grpo"] = "grpo"


def _variant(name: str) -> dict[str, str]:
    return {"params:selection.variant": f"params:selection.variants.{name}"}


# SFT without rationales teaches bare letters: asked or paid for a thought, it would be
# wrong for its form alone, and no completion of GRPO would ever earn anything.
_LETTERS_ALONE = {
    "params:prompts.exam_case": "params:prompts.exam_letters",
    "params:prompts.exam_knowledge": "params:prompts.exam_letters",
    "params:training.reward": "params:ablation.letters_alone",
}
# Dialogues hold no question for GRPO, so the chain's own plan has to do.
_NO_GRPO = {"training_plan": "training_plan"}

ARMS = (
    Arm("GRPO-alone", {"sft_model": "base_model"}),
    Arm("QA", _variant("QA") | _LETTERS_ALONE),
    Arm("QA-Rat", _variant("QA-Rat")),
    Arm("ED", _variant("ED") | _NO_GRPO, stage="sft"),
    Arm("PRD", _variant("PRD")),
    Arm("ED-PRD", _variant("ED-PRD")),
    Arm("RS", {"params:selection.difficulty": "params:ablation.random_selection"}),
)

ACCOUNT = (
    written("ablation_predictions"),
    beside("ablation_models", by="role"),
    beside("ablation_scores", by="role"),
    beside("ablation_score_differences"),
)

_START = {"base_model": "base_model"}
"""Every arm starts from the same weights."""

_ALIKE = {
    "exam_papers": "ablation_exam_papers",
    "params:evaluation.protocols": "params:ablation.protocols",
    "params:training.grpo": "params:ablation.grpo",
}
"""What arms read in the place of the chapters', where they do not make their own."""


def create_pipeline() -> Pipeline:
    """Return the slices of all arms, and their scores beside those of the chain."""
    papers = evaluation.create_pipeline().only_nodes("write_exam_papers")
    shared = _named(papers, "exams", _ALIKE, {"exam_papers": "ablation_exam_papers"})
    account = Pipeline([account_node("ablation", ACCOUNT)])
    return sum(map(arm_slice, ARMS), shared + _results() + account)


def arm_slice(arm: Arm) -> Pipeline:
    """Return what makes an arm's predictions and differs from the chapters."""
    given = {**_START, **arm.changes}
    model = {arm.name: f"{arm.stage}_model"}
    chain = Pipeline(
        [node for node in _chain(model) if not given.keys() & {*node.outputs}]
    )
    made = ("predictions", "trained_models")
    own = chain.from_inputs(*arm.changes) & chain.to_outputs(*made)
    return _named(own, arm.name, _ALIKE | given, _told(arm))


def _chain(model: Mapping[str, str]) -> Iterable[Node]:
    """Return the nodes of the chapters, where one model is asked and listed."""
    chapters = (selection, training, evaluation)
    nodes = [node for chapter in chapters for node in chapter.create_pipeline().nodes]
    nodes += [answering_node(model), listing_node(model)]
    return {node.name: node for node in nodes}.values()


def _told(arm: Arm) -> dict[str, str]:
    return {name: f"{arm.name}_{name}" for name in ("predictions", "trained_models")}


def _results() -> Pipeline:
    arms = {arm.name: _told(arm) for arm in ARMS}
    said = {name: told["predictions"] for name, told in arms.items()}
    made_of = {name: told["trained_models"] for name, told in arms.items()}
    gathering = [
        wire(gather_predictions, "predictions", **said),
        wire(gather_models, "models", **made_of),
    ]
    scoring = evaluation.create_pipeline().only_nodes(
        "read_answers", "score_predictions"
    )
    made = ("predictions", "models", "scores", "score_differences")
    outputs = {name: f"ablation_{name}" for name in made}
    read = {"of_chain": "predictions"}
    return _named(Pipeline(gathering) + scoring, "ablation", read, outputs)


def _named(
    pipeline: Pipeline,
    namespace: str,
    instead: Mapping[str, str],
    outputs: dict[str, str],
) -> Pipeline:
    """Return a pipeline in a namespace that reads what others wrote by its own name."""
    read = {name: instead.get(name, name) for name in pipeline.inputs()}
    return Pipeline(
        pipeline,
        namespace=namespace,
        inputs={k: v for k, v in read.items() if not k.startswith("params:")},
        parameters={k: v for k, v in read.items() if k.startswith("params:")},
        outputs=outputs,
    )
