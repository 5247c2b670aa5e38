"""Whether a rewritten account says more than its source: ours, §2.3 has none.

The rewriter is told to add nothing; a model adds all the same. Five kinds of fact can
be compared without understanding: numbers, durations, names of people, places,
diagnoses. A text that has one its source lacks is rejected. The same fact in other
words is none: ``六个月`` for ``半年``, ``双相情感障碍`` for ``双相``.
"""

import re
from collections.abc import Iterator, Sequence

from psyche_kedro.pipelines.cleaning.deidentification.deidentify import (
    PLACEHOLDERS,
    find_spans,
)
from psyche_kedro.pipelines.cleaning.deidentification.spans import Span
from psyche_kedro.pipelines.cleaning.deidentification.tagged_names import tag_clauses
from psyche_kedro.pipelines.synthesis.dialogues.quantities import (
    invented_durations,
    invented_numbers,
)
from psyche_kedro.text.bare import nfkc
from psyche_kedro.text.taggers import Tagger
from psyche_kedro.text.words import word_lists


def invented_facts(source: str, text: str, tagger: Tagger | None = None) -> list[str]:
    """Return the kinds of fact that ``text`` has and ``source`` lacks.

    Args:
        source: What people wrote.
        text: What a model made of it.
        tagger: Sees names that no rule finds.

    Returns:
        Of ``invented_number``, ``invented_duration``, ``invented_name``,
        ``invented_place``, ``invented_diagnosis``, in this order; empty where nothing
        was added.
    """
    source, text = map(nfkc, (source, text))
    spans = find_spans(text, frozenset(), tag_clauses([text], tagger))
    named = {kind: _named(text, kind, spans) for kind in _PLACEHOLDERS}
    checks = {
        "invented_number": invented_numbers(source, text),
        "invented_duration": invented_durations(source, text),
        "invented_name": {name for name in named["name"] if name not in source},
        "invented_place": {place for place in named["place"] if place not in source},
        "invented_diagnosis": set(_diagnoses(text))
        - {*_diagnoses(source), *re.findall(_SEVERITY, source)},
    }
    return [kind for kind, added in checks.items() if added]


# ---- names and places ------------------------------------------------------------

_PLACEHOLDERS = {  # in whatever brackets a model puts it
    kind: re.compile(rf"[\[【<〈(]({PLACEHOLDERS[kind]}\d*)[\]】>〉)]")
    for kind in ("name", "place")
}
_SAID = word_lists(__package__, "said.yml")
(_SURNAMES,) = _SAID["names"]["familiar"]
# What the finders of de-identification pass over, because alone they are often no name.
_FAMILIAR = re.compile(
    rf"[小老阿][{_SURNAMES}](?![一-鿿]?[的是了])"
    r"|(?:朋友|同学|室友|舍友|同事|闺蜜|邻居|[哥弟姐妹]|儿子|女儿|对象)"
    r"(?P<v>[小阿](?![时学声心孩聚气升区组事名脑我他她你几两一二三四五六七八九十])[一-鿿])"
)


def _named(text: str, kind: str, spans: Sequence[Span]) -> Iterator[str]:
    """Yield names or places: placeholders, and what de-identification would mask."""
    yield from (f"[{match[1]}]" for match in _PLACEHOLDERS[kind].finditer(text))
    for span in spans:
        if span.kind == kind:
            # Of 王老师 only 王 is a name, and 王 stands in many a word.
            end = span.end + 2 * (span.end - span.start == 1)
            yield text[span.start : end]
    if kind == "name":
        yield from (match["v"] or match[0] for match in _FAMILIAR.finditer(text))


# ---- diagnoses -------------------------------------------------------------------

_SEVERITY = "[轻中重]度"
_TOLD = r"(?:确诊|诊断|诊出|查出|患有?|得了|判定)[^,。;!?，；！？]{0,8}?"
_DIAGNOSES = {
    name: re.compile(
        "|".join(words).replace("GRADED", f"{_SEVERITY}的?").replace("TOLD", _TOLD)
    )
    for name, words in _SAID["conditions"].items()
}
_OF_PERSONALITY = re.compile("(边缘|回避|依赖|偏执|表演|自恋|反社会|强迫)型?(?=人格)")
_GRADES = re.compile(rf"({_SEVERITY})的?(?=抑郁|焦虑|失眠|躁狂|强迫|双相|障碍)")


def _diagnoses(text: str) -> Iterator[str]:
    """Yield the conditions that ``text`` names, of what kind and how severe."""
    yield from (name for name, said in _DIAGNOSES.items() if said.search(text))
    yield from _OF_PERSONALITY.findall(text)
    yield from _GRADES.findall(text)
