"""Replies in the manner of ten model families, labelled by hand; written here.

Each is ``(question, reply, labels)``; no labels where the reply declares no answer.
"""

from typing import Any


def asked(kind: str, stem: str, *texts: str) -> dict[str, Any]:
    options = [
        {"label": k, "text": t} for k, t in zip("ABCDE", texts, strict=False) if t
    ]
    return {"type": kind, "stem": stem, "options": options}


QUESTIONS = {
    "maslow": asked(
        "single",
        "需要层次理论的提出者是（ ）。",
        "弗洛伊德",
        "马斯洛",
        "罗杰斯",
        "华生",
    ),
    "memory": asked(
        "multiple",
        "记忆的基本过程包括（ ）。",
        "识记",
        "保持",
        "回忆",
        "再认",
    ),
    "wrong": asked(
        "single",
        "下列关于来访者中心疗法的说法，错误的是（ ）。",
        "强调无条件积极关注",
        "重视共情",
        "由咨询师主导谈话方向",
        "相信人有自我实现的倾向",
    ),
    "all": asked(
        "single",
        "影响注意选择性的因素有（ ）。",
        "刺激的强度",
        "个体的兴趣",
        "任务的要求",
        "以上都是",
    ),
    "case": asked(
        "multiple",
        "对该求助者可以考虑使用的方法有（ ）。",
        "放松训练",
        "认知重建",
        "系统脱敏",
        "电抽搐治疗",
    ),
    "true": asked("true_false", "气质没有好坏之分。", "正确", "错误"),
    "five": asked(
        "multiple",
        "属于情绪障碍的有（ ）。",
        "抑郁症",
        "广泛性焦虑",
        "恶劣心境",
        "精神分裂症",
        "双相障碍",
    ),
}

QWEN = [
    ("maslow", "答案：B", "B"),
    ("maslow", "正确答案是：B. 马斯洛。", "B"),
    (
        "memory",
        "记忆的基本过程包括识记、保持、回忆和再认。因此，正确答案是：ABCD。",
        "ABCD",
    ),
    ("memory", "这道题选：\nA. 识记\nB. 保持\nC. 回忆\nD. 再认", ""),
    ("memory", "正确选项是：\n\nA. 识记\nB. 保持\nC. 回忆", "ABC"),
    (
        "case",
        "针对该求助者，可以考虑：\n\n- A. 放松训练\n- B. 认知重建\n\n因此答案为AB。",
        "AB",
    ),
    (
        "wrong",
        "A正确，B正确，D正确。C项说法错误，因为谈话方向由来访者决定。所以选C。",
        "C",
    ),
    ("all", "以上因素都会影响注意的选择性，因此答案是D. 以上都是。", "D"),
    ("true", "该说法正确，气质没有好坏之分，所以选A。", "A"),
    ("five", "**答案：ABC**\n\n**解析：** 精神分裂症属于精神病性障碍。", "ABC"),
    ("five", "答案：A、B、C、E\n\n理由：D属于精神病性障碍。", "ABCE"),
    ("maslow", "解题思路：需要层次理论是马斯洛于1943年提出的。\n\n答案：B", "B"),
    ("maslow", "马斯洛", "B"),
    ("case", "我认为应该选A、B、C三项。", "ABC"),
    ("case", "选择A和B。C项适用于恐怖症，D项不适用于该求助者。", "AB"),
    ("wrong", "不正确的选项是C。", "C"),
]
QWEN_THINKING = [
    (
        "maslow",
        "<think>\n先想想。弗洛伊德是精神分析，答案应该不是A。\n</think>\n\n**B**",
        "B",
    ),
    ("memory", "<think>四个都算吧？</think>\n\n答案：**A、B、C、D**", "ABCD"),
    ("case", "<think>\n选A还是选B", ""),
    (
        "wrong",
        "<think>题目问错误的。C。</think>\n题目要求选出错误的一项。\n\n**答案：C**",
        "C",
    ),
    (
        "five",
        "<think>D不是。</think>综合以上分析，本题的正确答案为 **A、B、C、E**。",
        "ABCE",
    ),
    ("maslow", "</think>\n\n最终答案：\\boxed{B}", "B"),
    ("true", "<think>没有好坏</think>\n\n正确", "A"),
    ("memory", "<think>…</think>\n### 最终答案\n**ABCD**", "ABCD"),
    ("all", "<think>都对</think>\n答案是 D（以上都是）", "D"),
    ("case", "<think>想</think>\n\\[\n\\boxed{A, B, C}\n\\]", "ABC"),
    ("case", "<think>答案是D</think>", ""),
    (
        "maslow",
        "<think>\n嗯\n</think>\n\n根据心理学史，该理论由**马斯洛**提出，因此应选 **B**。",
        "B",
    ),
    (
        "five",
        "<think>x</think>\n答案：ABC。不过双相障碍也属于心境障碍，所以最终答案：ABCE",
        "ABCE",
    ),
    ("wrong", "<think>x</think>C. 由咨询师主导谈话方向", "C"),
]
DEEPSEEK = [
    (
        "maslow",
        "需要层次理论（Hierarchy of Needs）由亚伯拉罕·马斯洛提出。\n\n**答案：B. 马斯洛**",
        "B",
    ),
    ("memory", "**正确答案：A、B、C、D**\n\n记忆的基本过程……", "ABCD"),
    (
        "wrong",
        "来访者中心疗法由罗杰斯创立。\n- A：正确\n- B：正确\n- C：错误\n- D：正确\n\n故本题选C。",
        "C",
    ),
    ("wrong", "- A：正确\n- B：正确\n- C：错误\n- D：正确", "C"),
    (
        "case",
        "- **A. 放松训练**：✅\n- **B. 认知重建**：✅\n- **C. 系统脱敏**：❌\n- **D. 电抽搐治疗**：❌",
        "AB",
    ),
    ("five", "经分析：\n\nA √\nB √\nC √\nD ×\nE √", "ABCE"),
    ("all", "A、B、C 都是影响因素，因此选 D。", "D"),
    (
        "maslow",
        "首先排除A和D。罗杰斯提出的是来访者中心疗法，故C也不对。因此，答案为B。",
        "B",
    ),
    ("memory", "综上，ABCD均正确。", "ABCD"),
    ("case", "A、B、C均可考虑，而D不适用。所以，答案是ABC。", "ABC"),
    ("case", "答案是A、B，C和D错误。", "AB"),
    ("maslow", "这道题我一开始想选C，但需要层次理论是马斯洛的，应改选B。", "B"),
    ("five", "最终答案是：A，B，C，E", "ABCE"),
    ("true", "该题判断为：正确。", "A"),
    ("wrong", "错误的是：C", "C"),
]
LLAMA = [
    ("maslow", "The correct answer is B. 马斯洛 (Maslow).", "B"),
    ("maslow", "I think it's B.", "B"),
    ("maslow", "The answer is A. Wait, it is B.", "B"),
    ("memory", "The correct answers are A, B, C, and D.", "ABCD"),
    ("case", "Answer: A, B", "AB"),
    ("case", "I would choose A and B.", "AB"),
    ("wrong", "The incorrect statement is C.", "C"),
    ("all", "D. All of the above factors matter.", "D"),
    ("true", "A. 正确\n\nTemperament is neither good nor bad.", "A"),
    ("maslow", "B is correct because Maslow proposed the hierarchy.", "B"),
    ("maslow", "The letter is B", "B"),
    ("five", "The best options are A, B, C and E", "ABCE"),
    ("maslow", "It might be B, but I cannot rule out C.", ""),
    ("maslow", "I'm sorry, but I can't help with that.", ""),
    ("memory", "A, B, C, D<|eot_id|>", "ABCD"),
    ("maslow", "B) 马斯洛", "B"),
    ("maslow", "Option B", "B"),
    ("wrong", "C is incorrect, so the answer is C.", "C"),
]
CHATGLM = [
    ("maslow", "B", "B"),
    ("maslow", "B. 马斯洛\n弗洛伊德是精神分析的创始人。", "B"),
    ("memory", "A. 识记 B. 保持 C. 回忆 D. 再认", ""),
    ("memory", "记忆的基本过程包括（ ）。\nA. 识记\nB. 保持\nC. 回忆\nD. 再认", ""),
    ("case", "根据题目，正确的选项是A、B和C。", "ABC"),
    ("case", "该求助者适合使用放松训练。", "A"),
    ("wrong", "选项C的说法是错误的。", "C"),
    ("all", "D", "D"),
    ("all", "以上都是", "D"),
    ("true", "错误", "B"),
    ("five", "ABC", "ABC"),
    ("five", "答案为ABCE。", "ABCE"),
    ("maslow", "选项B是正确的。", "B"),
    ("maslow", "作为一个人工智能语言模型，我无法回答。", ""),
    ("maslow", "本题考查需要层次理论，B项正确，A项、C项、D项错误。", "B"),
]
BAICHUAN = [
    ("maslow", "答案是 B 。", "B"),
    ("memory", "答案是ABCD四项。", "ABCD"),
    ("memory", "从ABCD四个选项中，我选择ABCD。", "ABCD"),
    ("case", "你的答案是：A、B", "AB"),
    ("case", "因此，我会选择选项A和选项B作为答案。", "AB"),
    ("wrong", "因此，C选项是错误的，应该选C。", "C"),
    ("maslow", "我选B，马斯洛。", "B"),
    ("maslow", "B选项", "B"),
    ("five", "选A.B.C.E", "ABCE"),
    ("five", "A．B．C", "ABC"),
    ("all", "选择D：以上都是", "D"),
    ("case", "可能是A，也可能是B。", ""),
    ("case", "A或B", ""),
    ("true", "这句话是对的", "A"),
]
INTERNLM = [
    ("maslow", "[正确答案]B<eoa>", "B"),
    ("maslow", "B<eoa>", "B"),
    (
        "memory",
        "[正确答案]ABCD<eoa>\n请你回答：\n下列属于感觉的是\n[正确答案]A<eoa>",
        "ABCD",
    ),
    ("case", "[答案]A、B", "AB"),
    ("case", "<answer>A,B</answer>", "AB"),
    ("five", "【答案】ABC\n【解析】D属于精神病性障碍。", "ABC"),
    ("wrong", "【答案】C\n【解析】A、B、D正确。", "C"),
    ("all", "答案：D<|im_end|>", "D"),
    ("maslow", "正确答案:B;", "B"),
    ("true", "<答案>A</答案>", "A"),
    ("maslow", "参考答案：B\n\n用户：下一题\n参考答案：C", "B"),
    ("memory", "ABCD[UNUSED_TOKEN_145]", "ABCD"),
    ("case", "【A】【B】", "AB"),
]
GPT = [
    ("maslow", '{"answer": "B"}', "B"),
    ("memory", '{"answer": ["A", "B", "C", "D"]}', "ABCD"),
    ("memory", '```json\n{"ans": "ABCD", "reason": "四项都是"}\n```', "ABCD"),
    ("case", '{"reasoning": "A适合，B适合", "final_answer": "A, B"}', "AB"),
    ("case", '{"reasoning": "A适合该求助者，答案', ""),
    ("case", '{"answer": "AB", "reasoning": "放松训练可以', "AB"),
    ("five", '{"选项": "ABC"}', "ABC"),
    (
        "maslow",
        "正确答案是 **B. 马斯洛**。\n\n- **A. 弗洛伊德**：精神分析\n- **C. 罗杰斯**：人本",
        "B",
    ),
    ("wrong", "**C. 由咨询师主导谈话方向** 是错误的说法。", "C"),
    ("all", "正确答案是“以上都是”，即选项 D。", "D"),
    ("true", "答案：A（正确）", "A"),
    (
        "five",
        "属于情绪障碍的有：\n\n- A. 抑郁症\n- B. 广泛性焦虑\n- C. 恶劣心境\n- E. 双相障碍\n\n答案：ABCE",
        "ABCE",
    ),
    ("five", "正确的选项包括：A（抑郁症）、B（广泛性焦虑）、C（恶劣心境）。", "ABC"),
    ("maslow", "很抱歉，题目信息不足。", ""),
    ("maslow", '{"choice": "B", "confidence": 0.93}', "B"),
]
GEMINI = [
    ("maslow", "**答案：B**\n\n**解题思路：** 马斯洛于1943年……", "B"),
    ("memory", "正确选项：**A、B、C、D**", "ABCD"),
    ("case", "**A、B** 是合适的选择。", "AB"),
    ("case", "可以考虑的方法有 A、B、C。", "ABC"),
    ("wrong", "本题选 **C**。A、B、D均为来访者中心疗法的观点。", "C"),
    ("all", "本题应选择 **D. 以上都是**", "D"),
    ("five", "除D外均正确。", "ABCE"),
    ("five", "除了D以外，其余选项都属于情绪障碍。", "ABCE"),
    ("true", "**正确**", "A"),
    ("maslow", "最佳答案：B", "B"),
    ("maslow", "$\\boxed{\\text{B}}$", "B"),
    ("maslow", "选项B（马斯洛）最符合题意。", "B"),
    ("case", "以上选项都是错误的。", ""),
    ("case", "A、B都是正确的", "AB"),
]
CLAUDE = [
    ("maslow", "让我来分析这道题。\n\n需要层次理论由马斯洛提出。\n\n答案：B", "B"),
    ("maslow", "B\n\n需要层次理论是马斯洛提出的，他是人本主义心理学的代表人物。", "B"),
    ("memory", "A B C D", "ABCD"),
    ("memory", "A\nB\nC\nD", "ABCD"),
    ("case", "基于该案例，我选择 A、B 和 C。", "ABC"),
    ("case", "选项A的可能性最大。", "A"),
    ("wrong", "A、B、D都是正确的，C是错误的。", "C"),
    ("wrong", "说法错误的是选项C。", "C"),
    ("all", "A、B、C三项都是影响因素，所以应选D。", "D"),
    ("five", "A-C", "ABC"),
    ("five", "D不属于情绪障碍，其余都属于。", "ABCE"),
    ("true", "我认为这一说法是正确的。", "A"),
    ("maslow", "我不确定，可能是B或C。", ""),
    ("maslow", "这道题的答案不是A，而是B。", "B"),
    ("case", "A和B较为合适，但不能排除C。", ""),
    ("maslow", "ABC理论的提出者是艾利斯，与本题无关；本题选B。", "B"),
]
FAMILIES = {
    "Qwen2.5": QWEN,
    "Qwen3, thinking": QWEN_THINKING,
    "DeepSeek": DEEPSEEK,
    "Llama": LLAMA,
    "ChatGLM": CHATGLM,
    "Baichuan": BAICHUAN,
    "InternLM": INTERNLM,
    "GPT": GPT,
    "Gemini": GEMINI,
    "Claude": CLAUDE,
}
REPLIES = [
    (family, QUESTIONS[name], text, frozenset(labels))
    for family, replies in FAMILIES.items()
    for name, text, labels in replies
]
