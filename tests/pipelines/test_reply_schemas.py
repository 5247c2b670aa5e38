"""What an endpoint may hold a model to is what the prompt asks for, field by field."""

import re
from pathlib import Path

import pytest
import yaml

from psyche_kedro.answers import read_record
from psyche_kedro.pipelines.cleaning import usefulness
from psyche_kedro.pipelines.cleaning.deidentification import model_pass
from psyche_kedro.pipelines.synthesis.dialogues import judging
from psyche_kedro.pipelines.synthesis.rationales import attempts

PROMPTS = Path(__file__).parents[2] / "conf" / "base" / "prompts" / "zh"
SCHEMAS = {
    "rationale": attempts.SCHEMA,
    "revision": attempts.SCHEMA,
    "dialogue_judge": judging.SCHEMA,
    "usefulness": usefulness._SCHEMA,
    "deidentification": model_pass._SCHEMA,
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_has_the_fields_of_its_prompt_in_their_order(name):
    prompt = yaml.safe_load((PROMPTS / f"{name}.yml").read_text(encoding="utf-8"))
    asked = list(dict.fromkeys(re.findall(r'"([a-z_]+)":', prompt["user"])))
    assert asked == list(names_in(SCHEMAS[name]))


def names_in(schema):
    for name, field in schema.get("properties", {}).items():
        yield name
        yield from names_in(field.get("items", {}))


def test_a_reply_that_follows_its_schema_is_read():
    said = '{"reasonableness": 5, "relevance": 4, "substantive": true, "harm": "none",'
    said += ' "referral": false, "reason": "好"}'
    assert read_record(said, usefulness.Verdict) is not None
