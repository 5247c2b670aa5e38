"""Stands in for CEDAR's models: cue words, invented feelings, and noise of its own.

It can label and answer, translate the few lines of its phrase book, and compare two
texts by their words. Of a picture it sees the band of colour along the lower edge,
which stands for what is shown. Its reply depends on the request alone: role, messages,
temperature and seed.
"""

import base64
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Literal, NamedTuple

import yaml

from psyche_kedro.llm.pictures import pictures_of, words_of
from psyche_kedro.offline.chance import Chance

_PLACE = files("psyche_kedro.offline.cedar")
ENGLISH = "en"
_RULES = 2
_APOLOGY = "I am a stand-in without a language model, and cannot do this."
_TAG = re.compile(r"<(\w+)>(.*?)</\1>", re.DOTALL)
_STRENGTH, _SPREAD, _HABIT = 2.2, 1.3, 0.8
"""Of a cue, of noise at temperature 1, and of a model's own leaning in a culture."""
_PICTURES = 64
"""Of which the band is remembered."""
_FAR = 120
"""Distance in RGB from which on a colour is no band."""

Cue = Mapping[str, Any]


class _Nature(NamedTuple):
    """What a role is like.

    Attributes:
        answers: By what it knows of a culture, as English speakers everywhere, or at
            random.
        heeds_culture: Share of cultures whose own feeling it knows.
        sees: Whether it takes pictures.
        talks: Share of replies that say more than the word.
    """

    answers: Literal["by culture", "as English", "at random"] = "by culture"
    heeds_culture: float = 1.0
    sees: bool = True
    talks: float = 0.1


NATURES = {
    "labeller-a": _Nature(),
    "labeller-b": _Nature(talks=0.3),
    "labeller-c": _Nature(talks=0.0),
    "cedar-translator": _Nature(),
    "cedar-judge": _Nature(),
    "subject-steady": _Nature(answers="as English"),
    "subject-open": _Nature(heeds_culture=0.7),
    "subject-random": _Nature(answers="at random", sees=False, talks=0.6),
}


@cache
def _lexicon() -> dict[str, Any]:
    lexicon: dict[str, Any] = yaml.safe_load(
        (_PLACE / "lexicon.yml").read_text("utf-8")
    )
    return lexicon


@cache
def _digest() -> str:
    """Return the identity of rules and data: 12 hex digits."""
    names = ("brain.py", "lexicon.yml")
    whole = b"".join(sha256((_PLACE / name).read_bytes()).digest() for name in names)
    return sha256(whole).hexdigest()[:12]


class CedarBrain:
    """A pure function from a request to a reply.

    Args:
        role: One of ``NATURES``.
    """

    def __init__(self, role: str) -> None:
        self._role = role
        self._nature = NATURES[role]

    @property
    def name(self) -> str:
        """Identity, e.g. ``offline-labeller-a-1@3f2a…``: new rules, new name."""
        return f"offline-{self._role}-{_RULES}@{_digest()}"

    def answer(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        sampling: Mapping[str, Any],
        seed: int,
        task: str = "",
    ) -> str:
        """Return the reply; equal arguments give equal replies, none where it is blind.

        Args:
            messages: Chat messages, oldest first.
            sampling: Of it, ``temperature`` alone matters.
            seed: Lets a repeated request differ, unless the temperature is 0.
            task: The node that asks; the form of a request says enough.
        """
        chance = Chance.of(self._role, messages, sampling=sampling, seed=seed)
        text = "\n".join(map(words_of, messages))
        if '"fidelity"' in text:
            return _compare(dict(_TAG.findall(text)))
        if '"narrative"' in text:
            return _translate(text)
        pictures = [url for message in messages for url in pictures_of(message)]
        if pictures and not self._nature.sees:
            return ""
        return self._feel(text, pictures, chance)

    def _feel(self, text: str, pictures: Sequence[str], chance: Chance) -> str:
        language, words = _offered(text)
        if not words:
            return _APOLOGY
        if self._nature.answers == "at random":
            return self._worded(chance.pick(list(words.values()), "word"), chance)
        is_english = self._nature.answers == "as English"
        culture = ENGLISH if is_english else _persona(text) or language
        scores = {
            emotion: self._leaning(culture, emotion)
            + _SPREAD * chance.noise(emotion, culture)
            for emotion in words
        }
        for cue in cues_of(_scene(text), pictures):
            if culture not in cue.get("unsure", ()):
                felt = self._felt(cue["feels"], culture)
                scores[felt] += cue.get("strength", _STRENGTH)
        best = max(words, key=lambda emotion: scores[emotion])
        return self._worded(words[best], chance)

    def _leaning(self, culture: str, emotion: str) -> float:
        own = Chance(f"{self._role} {culture}", 1.0)
        return _HABIT * own.noise(emotion)

    def _felt(self, feels: Mapping[str, str], culture: str) -> str:
        knows = Chance(self._role, 1.0).unit(culture, *feels.values())
        heeds = knows < self._nature.heeds_culture
        return feels.get(culture, feels["all"]) if heeds else feels["all"]

    def _worded(self, word: str, chance: Chance) -> str:
        if chance.unit("form") >= self._nature.talks:
            return word
        return chance.pick((f"**{word}**", f"“{word}”.", f"{word}\n"), "form")


def cues_of(scene: str, pictures: Sequence[str] = ()) -> list[Cue]:
    """Return what a scene and its pictures say: ``feels``, and how strongly.

    Args:
        scene: Narrative and question, in any language.
        pictures: Data URLs.
    """
    bands = {_band(url) for url in pictures}
    lowered = scene.lower()
    return [
        cue
        for cue in _lexicon()["cues"]
        if cue.get("band") in bands
        or any(word in lowered for word in cue.get("words", ()))
    ]


@lru_cache(_PICTURES)
def _band(url: str) -> str:
    """Return the colour along a picture's lower edge; empty where it is no cue's."""
    from PIL import Image, ImageColor  # noqa: PLC0415 - only where there is a picture

    try:
        data = base64.b64decode(url.partition(",")[2])
        with Image.open(io.BytesIO(data)) as picture:
            width, height = picture.size
            shown = picture.convert("RGB").getpixel((width // 2, height - 4))
    except (OSError, ValueError):
        return ""
    bands = [cue["band"] for cue in _lexicon()["cues"] if "band" in cue]

    def distance(band: str) -> float:
        return math.dist(ImageColor.getrgb(band), shown)  # type: ignore[arg-type]

    nearest = min(bands, key=distance)
    return nearest if distance(nearest) < _FAR else ""


def _scene(text: str) -> str:
    return " ".join(found for _, found in _TAG.findall(text))


def _offered(text: str) -> tuple[str, dict[str, str]]:
    """Return the language of the words to choose from, and the words by emotion."""
    lexicon = _lexicon()
    frame = set(re.split(r"[\s,、،:：]+", _TAG.sub("", text)))
    for language, line in lexicon["words"].items():
        words = dict(zip(lexicon["emotions"], line.split(), strict=True))
        if set(words.values()) <= frame:
            return language, words
    return "", {}


def _persona(text: str) -> str | None:
    frame = text.partition("<")[0]
    named = _lexicon()["personas"].items()
    found = (code for code, names in named if any(name in frame for name in names))
    return next(found, None)


def _translate(text: str) -> str:
    """Return each text in the language that is asked for, by the phrase book."""
    texts = dict(_TAG.findall(text))
    said = {
        name: _phrase(texts.get(name, ""), text) for name in ("narrative", "question")
    }
    if None in said.values():
        return _APOLOGY
    return json.dumps(said, ensure_ascii=False)


def _phrase(line: str, text: str) -> str | None:
    if not line:
        return ""
    for phrase in _lexicon()["phrases"]:
        if line in phrase.values():
            return str(phrase[_wanted(text, line == phrase["en"])])
    return None


def _wanted(text: str, is_english: bool) -> str:
    """Return the language to translate into: out of English, the frame's own."""
    if not is_english:
        return "en"
    frame = _TAG.sub("", text)
    scripts = {"ar": r"[\u0600-\u06ff]", "hi": r"[\u0900-\u097f]"}
    found = (code for code, script in scripts.items() if re.search(script, frame))
    return next(found, "sw")


def _compare(texts: Mapping[str, str]) -> str:
    """Return 1 to 5 by the share of words that two texts have in common."""
    one, other = (
        set(re.findall(r"\w+", texts.get(name, "").lower()))
        for name in ("original", "translation")
    )
    shared = len(one & other) / max(1, len(one | other))
    return json.dumps({"fidelity": 1 + round(4 * shared)})
