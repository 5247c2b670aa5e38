"""Each form in which models write their thoughts, with the models that write it."""

import json

import pytest

from growth import takes_in_proportion
from psyche_kedro.answers import read_choice, read_json, read_verdicts
from psyche_kedro.llm import Reply
from psyche_kedro.llm.openai.completions import read_completion
from psyche_kedro.text.thoughts import blot_thought, has_thought_mark, part_thought

THOUGHT, ANSWER = "A说反了，{'score': 1}，也许选C？", "选B"
HARMONY = (
    "<|channel|>analysis<|message|>{}<|end|>"
    "<|start|>assistant<|channel|>final<|message|>{}"
)
FORMS = {
    "DeepSeek-R1, Qwen3, QwQ, GLM-4.5, MiniMax-M2, Phi-4-reasoning, Psyche-R1": (
        "<think>\n{}\n</think>\n\n{}"
    ),
    "R1 and Qwen3-Thinking-2507, whose templates open the thought": "{}</think>\n{}",
    "Hunyuan-A13B": "<think>\n{}\n</think>\n<answer>\n{}\n</answer>",
    "GLM-4.1V-Thinking": (
        "<think>{}</think><answer><|begin_of_box|>{}<|end_of_box|></answer>"
    ),
    "Claude by prompt, Reflection": "<thinking>{}</thinking><output>{}</output>",
    "EXAONE Deep, Gemini's OpenAI-compatible endpoint": "<thought>{}</thought>{}",
    "Marco-o1": "<Thought>{}</Thought>\n<Output>{}</Output>",
    "fine-tunes with GRPO after the tutorials": (
        "<reasoning>\n{}\n</reasoning>\n<answer>\n{}\n</answer>"
    ),
    "any, by a prompt that asks for it": (
        "<scratchpad>{}</scratchpad>\n<final_answer>{}</final_answer>"
    ),
    "Chinese fine-tunes": "<思考>{}</思考>\n<回答>{}</回答>",
    "Seed-OSS": "<seed:think>{}</seed:think>{}",
    "LongCat-Flash-Thinking": "<longcat_think>{}</longcat_think>{}",
    "Magistral, Ministral": "[THINK]{}[/THINK]{}",
    "Kimi-VL-Thinking": "◁think▷{}◁/think▷{}",
    "Sky-T1, OpenThinker": (
        "<|begin_of_thought|>{}<|end_of_thought|>"
        "<|begin_of_solution|>{}<|end_of_solution|>"
    ),
    "Command A Reasoning": (
        "<|START_THINKING|>{}<|END_THINKING|><|START_RESPONSE|>{}<|END_RESPONSE|>"
    ),
    "Apertus": "<|inner_prefix|>{}<|inner_suffix|>{}",
    "MedGemma": "<unused94>thought\n{}<unused95>{}",
    "Gemma 4": "<|channel>thought\n{}<channel|>{}",
    "gpt-oss": HARMONY,
    "gpt-oss, its end included": HARMONY + "<|return|>",
    "gpt-oss with an answer of a shape": HARMONY.replace(
        "final<", "final <|constrain|>json<"
    ),
    "gpt-oss behind a server that drops special tokens": "analysis{}assistantfinal{}",
    "Granite 3.2": "Here is my thought process:\n{}\nHere is my response:\n{}",
    "Apriel": (
        "Here are my reasoning steps:\n{}\n[BEGIN FINAL RESPONSE]\n{}\n"
        "[END FINAL RESPONSE]"
    ),
    "openPangu-Embedded": "[unused16]{}[unused17]{}[unused10]",
    "HuatuoGPT-o1": "## Thinking\n\n{}\n\n## Final Response\n\n{}",
    "KAT-V1": "<think_on>\n<think>{}</think>\n<answer>\n{}\n</answer>",
    "KAT-V1 that answers at once": (
        "<judge>{}</judge>\n<think_off>\n<answer>{}</answer>"
    ),
    "Solar Open": "<|think|>{}<|end|><|begin|>assistant<|content|>{}<|end|>",
    "s1": "<|im_start|>think\n{}\n<|im_start|>answer\n{}",
    "Open WebUI": (
        '<details type="reasoning" done="true">\n<summary>Thought</summary>\n{}\n'
        "</details>\n{}"
    ),
    "Dify": (
        '<details style="color:gray;" open> <summary> Thinking... </summary>'
        "{}</details>{}"
    ),
    "gateways that say how long it took": '<think time="3.2">{}</think >{}',
    "servers that show the end of a turn": "<think>{}</think>{}<|im_end|>",
    "gateways that escape HTML": "&lt;think&gt;{}&lt;/think&gt;{}",
    "gateways that escape it twice": "&amp;lt;think&amp;gt;{}&amp;lt;/think&amp;gt;{}",
    "gateways that escape JSON twice": "\\u003cthink\\u003e{}\\u003c/think\\u003e{}",
    "gateways that escape Markdown": "\\<think\\>{}\\</think\\>{}",
    "Chinese fine-tunes, full width": "＜思考＞{}＜／思考＞{}",
    "Chinese fine-tunes, a chain": "<思维链>{}</思维链><答案>{}</答案>",
    "prompts with own tags": "<inner_thought>{}</inner_thought><reply>{}</reply>",
    "servers with tags of their own": "<mm:think>{}</mm:think>{}",
    "tokens with a start and an end": "<|reasoning_start|>{}<|reasoning_end|>{}",
    "tokens without blanks": "<｜begin▁of▁think｜>{}<｜end▁of▁think｜>{}",
    "models that forget to close": "<think>{}\n<answer>{}</answer>",
    "HyperCLOVA X": "assistant/think\n{}<|im_end|>\n<|im_start|>assistant\n{}",
    "Llama 3's turns": (
        "<|start_header_id|>thinking<|end_header_id|>{}"
        "<|start_header_id|>assistant<|end_header_id|>{}"
    ),
    "any, in brackets": "[思考]{}[/思考]{}",
    "any, in Chinese brackets": "【思考】{}\n【回答】{}",
    "any, in a fence": "```thinking\n{}\n```\n{}",
    "LibreChat": ":::thinking\n{}\n:::\n{}",
    "any, under a heading": "## 思考过程\n{}\n## 最终回答\n{}",
    "any, in bold": "**Thinking:**\n{}\n**Answer:**\n{}",
    "any, folded": "<details><summary>💭 思考过程</summary>{}</details>{}",
    "Poe": "*Thinking...*\n\n> {}\n\n{}",
    "Ollama's command": "Thinking...\n{}\n...done thinking.\n\n{}",
}
SIGNED = {
    "Apriel": ("Here are my reasoning steps:\n", ""),
    "KAT-V1 that answers at once": ("<judge>", "</judge>"),
    "Poe": ("> ", ""),
}
"""What counts as part of the thought."""


@pytest.mark.parametrize("models", FORMS)
def test_every_form_is_parted(models):
    before, after = SIGNED.get(models, ("", ""))
    text = FORMS[models].format(THOUGHT, ANSWER)
    assert part_thought(text) == (before + THOUGHT + after, ANSWER)


@pytest.mark.parametrize(
    "end",
    ["<|im_end|>", "<|eot_id|>\n", "</s></s>", "<｜end▁of▁sentence｜>", "\n</s>\n"],
)
def test_the_end_of_a_turn_is_no_part_of_an_answer(end):
    assert part_thought(ANSWER + end) == ("", ANSWER)
    assert part_thought(f"{ANSWER}<s>划掉</s>了{end}").answer == "选B<s>划掉</s>了"


@pytest.mark.parametrize("tag", ["<think/>", "<think />\n\n", "<THINKING/>"])
def test_no_thought_is_a_form_too(tag):
    assert part_thought(f"{tag}{ANSWER}<|im_end|>") == ("", ANSWER)


@pytest.mark.parametrize(
    "form",
    [
        "```\n<think>{}</think>\n{}\n```",
        "~~~xml\n<think>{}</think>\n<answer>{}</answer>\n~~~",
        "<think>{}</think>\n\n---\n{}",
        "<think>{}</think><|im_end|>\n<|im_start|>assistant\n{}<|im_end|>",
        "<think>{}</think><|start_header_id|>assistant<|end_header_id|>\n\n{}",
    ],
)
def test_what_only_frames_an_answer_is_no_part_of_it(form):
    assert part_thought(form.format(THOUGHT, ANSWER)) == (THOUGHT, ANSWER)


def test_the_front_matter_of_a_page_is_no_frame():
    page = "---\nprimary_language: zh\nis_table: False\n---\n第一章"
    assert part_thought(f"<think>{THOUGHT}</think>\n\n{page}") == (THOUGHT, page)


@pytest.mark.parametrize(
    "form", ["**<think>**\n{}\n**</think>**\n{}", "*<think>*{}*</think>*{}"]
)
def test_tags_in_bold_are_tags(form):
    assert part_thought(form.format(THOUGHT, ANSWER)).answer == ANSWER
    assert part_thought(form.partition("{}")[0] + "没有写完").answer == ""


@pytest.mark.parametrize(
    "text",
    [
        "Reasoning: {}\nFinal Answer: {}",
        "推理过程：{}\n答案：{}",
        "<rationale>{}</rationale>{}",
    ],
)
def test_reasons_that_a_prompt_may_ask_for_are_an_answer(text):
    text = text.format(THOUGHT, ANSWER)
    assert part_thought(text) == ("", text)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_reader_reads_the_answer_alone(form):
    assert read_choice(form.format(THOUGHT, ANSWER), "ABC").labels == {"B"}
    reply = Reply(form.format(THOUGHT, '{"score": 3}'), "m", "k")
    assert read_verdicts(reply.text) == [{"score": 3}]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_thought_that_was_cut_off_has_no_answer(form):
    text = form.partition("{}")[0] + "只有A。答案是A"
    prose = ("analysis", "Here is", "## Thinking", "<details")
    if has_thought_mark(text) or text.startswith(prose):
        assert part_thought(text).answer == ""
        assert not read_choice(text, "ABC").labels


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_tags_beside_a_field_are_parted_too(field):
    said = {"content": "<think>二</think>B", field: "一"}
    answer = read_completion(_body(said), [])
    assert (answer.text, answer.reasoning) == ("B", "一\n\n二")


def _body(message):
    return json.dumps({"choices": [{"message": message}]}).encode()


@pytest.mark.parametrize(
    "text",
    [
        "先说结论。<think>再想想，选A。</think>选B",
        "<think>选A</think>选C<think>不对</think>选B",
        "<think>她写了 [THINK] 和 <thinking>，选A</think>选B",
        "</think>选B",
    ],
    ids=["in the middle", "two", "one that quotes others", "closed at once"],
)
def test_the_answer_stands_behind_the_last_thought(text):
    assert part_thought(text).answer == "选B"


@pytest.mark.parametrize(
    "text",
    [
        " 选B\n",
        '{"rationale": "<think>想</think>B"}',
        '```json\n[{"rationale": "先写</think>再写"}]\n```',
        "analysis of variance（方差分析）",
        "Analysis: 选B",
        "[思考] 我会先深呼吸",
        "他说<3 <b>好</b>",
        "<details><summary>参考</summary>B</details>选B",
        "选B。提示：`<think>` 里的内容不会显示。",
        "R1 把推理写在 <think> 和 </think> 之间，所以选B",
        "用“<think>”开头，用“</think>”结尾。选B",
        "HTML 里写成 &lt;think&gt; 就不会被解析。选B",
        "选B（我没有用 <think> 标签）",
        "<no_think>选B",
        "<thoughtful>选B",
        "[思考] 我会先深呼吸，[回答] 再说话",
        "【思考】这道题考查什么？选B",
        "【思考题】先看A【答案】B",
        "## 思考与练习\n先看A\n## 答案\n选B",
        '```python\nprint("<think>")\n```\n选B',
        "Thinking about it, I would choose B.",
        "> 先看A\n\n选B",
        "",
    ],
)
def test_what_is_no_thought_stays_as_it_came(text):
    assert part_thought(text) == ("", text)


def test_blots_keep_every_character_in_its_place():
    text = '<think>{"a": 0}</think>{"a": 1}'
    assert blot_thought(text) == " " * 23 + '{"a": 1}'
    assert read_json(text) == {"a": 1}


@pytest.mark.parametrize(
    "unit",
    [
        *("<think>", "<think ", "</think>", "[THINK]", "<|channel|>final", "analysis"),
        *(
            "</s>",
            " ",
            "<",
            "[{",
            "＜",
            "&lt;",
            "<a_",
            "<|",
            "\\<",
            "<think> 和 </think>",
        ),
        *("【思考】", "```think\n", "> x\n", "<answer>"),
    ],
)
def test_time_grows_with_the_length(unit):
    for before in ("", "analysis", "【思考】", "<think>\n"):
        assert takes_in_proportion(
            lambda n, before=before: part_thought(before + unit * (n // len(unit))),
            100_000,
        )
