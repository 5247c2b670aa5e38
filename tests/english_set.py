"""A small set of English prompts: what a folder of ``conf/*/prompts`` must hold."""

from pathlib import Path
from typing import Any

import yaml

WORDS: dict[str, Any] = {
    "types": {
        "single": "single choice",
        "multiple": "multiple choice",
        "true_false": "true or false",
        "fill_in": "fill in",
        "short_answer": "short answer",
        "case": "case analysis",
    },
    "headings": {
        "type": "Type: ",
        "case": "Case: ",
        "stem": "Question: ",
        "options": "Options:",
    },
    "true_false": ["True", "False"],
    "unnamed_subject": "psychology",
    "answer": "Answer: {{ letters }}",
    "speakers": {"user": "Client: ", "assistant": "Counsellor: "},
    "first_person": ["I", "me", "my"],
    "third_person": ["the client", "the patient"],
    "example": "{{ question }}\nVerdict: {{ verdict }}. {{ reason }}",
    "verdicts": {"reasonable": "Reasonable", "unreasonable": "Unreasonable"},
    "reasons": {
        "incomplete": ["missing", "incomplete"],
        "confused": ["confused"],
        "unclear": ["unclear"],
    },
    "level": "Score {{ score }}: {{ text }}",
    "dimensions": [
        {
            "name": "EmoE",
            "label": "Emotional empathy",
            "definition": "Does the reply meet the feeling?",
            "levels": ["Not at all.", "In part.", "Fully."],
        },
        *(
            {"name": name, "label": name, "definition": "?", "levels": ["No.", "Yes."]}
            for name in ("CogE", "Con", "Sta")
        ),
    ],
}
EXAMPLES = [
    {
        "question": "Type: single choice\nQuestion: What does the figure show?",
        "verdict": "Unreasonable",
        "reason": "The figure is missing.",
    }
]
_QUESTIONS = '[{"question": "...", "options": {"A": "..."}, "answer": "..."}]'
_RATIONALE = '{"rationale": "...", "prediction": "..."}'
_CONVERSATION = "<conversation>\n{{ conversation }}\n</conversation>"
_DRAFT = f"{_CONVERSATION}\nDraft: {{{{ reply }}}}"
_NUMBERED = "{% for one in {} %}\n{{ loop.index }}) {{ one }}\n{% endfor %}"
USER = {
    "question": "{{ heading }}\n{{ passage }}\nWrite {{ n_questions }}"
    f" {{{{ type_instruction }}}} questions: {_QUESTIONS}",
    "distillation": "On {{ subfield }}: write {{ n_questions }}"
    f" {{{{ type_instruction }}}} questions: {_QUESTIONS}",
    "ranking": _NUMBERED.replace("{}", "questions") + "Which is the best?",
    "screening": "{{ examples }}\n\nJudge this:\n{{ question }}",
    "rationale": f"{{{{ question }}}}\nReason first. {_RATIONALE}",
    "revision": f"{{{{ question }}}}\nReason first. {_RATIONALE}",
    "refinement": "Improve: {{ current_prompt }}\n{{ question }}\n{{ rationale }}",
    "choice": "{{ question }}" + _NUMBERED.replace("{}", "rationales"),
    "post": f"Retell as I.\n{_CONVERSATION}",
    "empathy": _DRAFT,
    "resonance": _DRAFT,
    "guidance": _DRAFT,
    "steps": _DRAFT,
    "dialogue_judge": f"Score the dialogue.\n{_CONVERSATION}",
    "usefulness": f"Is it of use?\n{_CONVERSATION}",
    "deidentification": f"Who is named?\n{_CONVERSATION}",
    "student": "{{ question }}\nWrite the letters only.",
    "exam_case": "{{ question }}\nA {{ type_name }} item: think, then answer.",
    "exam_knowledge": "{{ question }}\nA {{ type_name }} item: think, then answer.",
    "exam_direct": "{{ question }}",
    "exam_letters": "{{ question }}\nA {{ type_name }} item: the letters alone.",
    "essay": "{{ case_text }}\n{{ question }}",
    "counselling": "",
    "knowledge": "",
    "counselling_judge": "{{ dimension }}: {{ definition }}\n{{ levels }}\n"
    "{{ history }}\n{{ reference }}\n{{ reply }}",
    "rubric_judge": "{{ question }}\n{{ lines }}\n{{ names }}\n{{ reply }}",
    "pairwise_judge": "{{ dimension }}: {{ definition }}\n{{ history }}\n"
    "1: {{ first }}\n2: {{ second }}",
}
SYSTEM = {
    "rationale": "Think step by step.",
    "revision": "{{ candidate_prompt }}",
    "exam_direct": "An exam in {{ subject }}, {{ type_name }}.",
    "counselling": "You are a counsellor.",
    "knowledge": "You are a teacher.",
}


def write_english_set(folder: Path) -> None:
    """Write the set as its files."""
    folder.mkdir(parents=True)
    prompts: dict[str, Any] = {
        name: {"source": "test", "reply": "", "system": SYSTEM.get(name, "")}
        | {"user": user}
        for name, user in USER.items()
    }
    for name, content in {
        **prompts,
        "words": WORDS,
        "screening_examples": EXAMPLES,
    }.items():
        (folder / f"{name}.yml").write_text(yaml.dump(content), encoding="utf-8")
