# ruff: noqa: E501 - what a model writes is not folded
"""A second 150 replies in the manner of ten model families, written after the rules.

Each is ``(question, reply, labels)``; no labels where the reply declares no answer.
"""

from replies_of_families import asked

QUESTIONS = {
    "defence": asked(
        "single",
        "把自己不能接受的冲动归于他人，这种防御机制是（ ）。",
        "投射",
        "合理化",
        "升华",
        "反向形成",
    ),
    "ocd": asked(
        "single",
        "强迫症的一线心理治疗是（ ）。",
        "暴露与反应预防",
        "系统脱敏",
        "自由联想",
        "催眠治疗",
    ),
    "ethics": asked(
        "single",
        "关于保密原则，下列说法不正确的是（ ）。",
        "咨询开始时应说明保密的限度",
        "督导时可以讨论案例",
        "任何情况下都不得突破保密",
        "录音须征得来访者同意",
    ),
    "signs": asked(
        "multiple",
        "抑郁发作的核心症状包括（ ）。",
        "心境低落",
        "兴趣减退",
        "精力下降",
        "夸大妄想",
    ),
    "scales": asked(
        "multiple",
        "属于自评量表的有（ ）。",
        "SDS",
        "SAS",
        "HAMD",
        "SCL-90",
    ),
    "stages": asked(
        "multiple",
        "艾里克森认为青春期以前的发展任务有（ ）。",
        "获得信任感",
        "获得自主感",
        "获得主动感",
        "获得亲密感",
        "获得勤奋感",
    ),
    "iq": asked("true_false", "智商在人群中呈正态分布。", "正确", "错误"),
    "none": asked(
        "single",
        "下列属于人格障碍的是（ ）。",
        "惊恐障碍",
        "社交焦虑",
        "适应障碍",
        "以上都不是",
    ),
}

GPT = [
    ("defence", "The correct answer is **A. 投射**.", "A"),
    (
        "defence",
        "答案是 **A**。\n\n投射是把自己的冲动归到别人身上；B 是为行为找理由。",
        "A",
    ),
    ("ocd", "**答案：A. 暴露与反应预防（ERP）**\n\nERP 是强迫症的一线心理治疗。", "A"),
    (
        "ethics",
        "题目问的是不正确的说法。\n\n- A：正确\n- B：正确\n- C：不正确\n- D：正确\n\n因此选 **C**。",
        "C",
    ),
    ("signs", "正确答案：**A、B、C**\n\nD（夸大妄想）见于躁狂发作。", "ABC"),
    ("scales", "Answer: A, B, D", "ABD"),
    (
        "scales",
        "SDS、SAS 和 SCL-90 都是自评量表，HAMD 是他评量表，所以选 **A、B、D**。",
        "ABD",
    ),
    ("stages", "Correct options: A, B, C, and E.", "ABCE"),
    ("iq", "A. 正确", "A"),
    ("none", "**D. 以上都不是**\n\n前三项都是神经症性或应激相关障碍。", "D"),
    ("ocd", "I'm sorry, but I can't help with that.", ""),
    ("defence", "It could be A or B depending on the context.", ""),
    ("signs", '```json\n{"answer": ["A", "B", "C"], "confidence": 0.93}\n```', "ABC"),
    (
        "ethics",
        "Option C is the incorrect statement, because confidentiality has limits.",
        "C",
    ),
    ("stages", "A、B、C、E\n\n亲密感是成年早期的任务（D 不选）。", "ABCE"),
]
CLAUDE = [
    ("defence", "这种防御机制是**投射**（A）。\n\n投射是指……", "A"),
    ("ocd", "我会选择 A。暴露与反应预防的证据最充分。", "A"),
    ("ethics", "不正确的是 **C**。当来访者有自伤或伤人的风险时，可以突破保密。", "C"),
    (
        "signs",
        "核心症状是 A（心境低落）、B（兴趣减退）和 C（精力下降）。\n\n**答案：ABC**",
        "ABC",
    ),
    (
        "scales",
        "让我逐一来看：\n\n**A. SDS**：自评 ✓\n**B. SAS**：自评 ✓\n**C. HAMD**：他评 ✗\n**D. SCL-90**：自评 ✓\n\n因此答案是 **A、B、D**。",
        "ABD",
    ),
    ("stages", "答案：A、B、C、E。\n\nD 项“亲密感”属于成年早期。", "ABCE"),
    ("iq", "这个说法是**正确**的。\n\n答案：A", "A"),
    ("none", "A、B、C 都不是人格障碍，所以答案是 **D**。", "D"),
    (
        "defence",
        "Based on the description, the answer is **(A) 投射 (Projection)**.",
        "A",
    ),
    ("ocd", "<answer>A</answer>", "A"),
    (
        "signs",
        "<analysis>夸大妄想见于躁狂。</analysis>\n<answer>A, B, C</answer>",
        "ABC",
    ),
    ("ethics", "如果必须选一个，我倾向于C，但题目的表述并不严谨，D也可能是答案。", ""),
    ("none", "我不确定这道题的答案。", ""),
    (
        "scales",
        "我最初认为是A、B，但SCL-90也是自评量表，因此最终答案是A、B、D。",
        "ABD",
    ),
    ("defence", "选A。注意不要与反向形成（D）混淆。", "A"),
]
GEMINI = [
    (
        "defence",
        "正确答案是 **A. 投射**。\n\n**解析：**\n*   **投射**：……\n*   **合理化**：……\n*   **升华**：……",
        "A",
    ),
    ("ocd", "A. 暴露与反应预防", "A"),
    ("ethics", "**C. 任何情况下都不得突破保密**\n\n**理由：** 保密是有限度的。", "C"),
    (
        "signs",
        "正确答案是：\n\n*   **A. 心境低落**\n*   **B. 兴趣减退**\n*   **C. 精力下降**",
        "ABC",
    ),
    (
        "scales",
        "属于自评量表的有：\n\n* A. SDS\n* B. SAS\n* D. SCL-90\n\n因此，正确选项是 **A, B, D**。",
        "ABD",
    ),
    ("stages", "$\\boxed{ABCE}$", "ABCE"),
    ("iq", "**正确**", "A"),
    ("none", "The final answer is $\\boxed{D}$.", "D"),
    (
        "defence",
        "Here's how to break it down:\n\n1. 投射 is attributing...\n2. 合理化 is...\n\nTherefore, the correct answer is **A**.",
        "A",
    ),
    ("ethics", "The statement that is NOT correct is **C**.", "C"),
    ("signs", "A, B, C", "ABC"),
    ("scales", "Final Answer: The final answer is $\\boxed{\\text{A, B, D}}$", "ABD"),
    ("ocd", "根据循证指南，**A** 是正确的。B 用于恐怖症。", "A"),
    ("stages", "选项 A、B、C 和 E 均为青春期以前的任务。", "ABCE"),
    ("none", "正确答案： (D)", "D"),
]
QWEN = [
    ("defence", "答案：A\n\n解析：投射是指将自己不能接受的冲动归于他人。", "A"),
    ("ocd", "正确答案是：A. 暴露与反应预防。\n\n理由如下：\n1. ……\n2. ……", "A"),
    ("ethics", "正确答案是：C. 任何情况下都不得突破保密", "C"),
    (
        "signs",
        "抑郁发作的核心症状包括心境低落、兴趣减退和精力下降，因此正确答案是ABC。",
        "ABC",
    ),
    ("scales", "正确选项为：A. SDS、B. SAS、D. SCL-90。", "ABD"),
    (
        "stages",
        "根据艾里克森的理论：\nA. 获得信任感（0-1.5岁）\nB. 获得自主感（1.5-3岁）\nC. 获得主动感（3-6岁）\nE. 获得勤奋感（6-12岁）\n\n因此，正确答案是：A、B、C、E。",
        "ABCE",
    ),
    ("iq", "该说法正确。答案：A", "A"),
    ("none", "这三项都不属于人格障碍，故选D。", "D"),
    ("ocd", "<think>\n强迫症……ERP。B是恐怖症的。\n</think>\n\n答案：**A**", "A"),
    (
        "ethics",
        "<think>\n不正确的，C太绝对。\n</think>\n\n根据保密原则，C项的说法过于绝对。\n\n**正确答案：C**",
        "C",
    ),
    ("signs", "<think>\nABC？D是躁狂的。\n", ""),
    (
        "defence",
        "首先排除C和D，因为它们与题干不符。剩下A和B中，A更符合题意。所以选A。",
        "A",
    ),
    ("scales", "答案：A B D", "ABD"),
    ("stages", "【答案】ABCE\n【解析】亲密感是成年早期的任务。", "ABCE"),
    ("none", "选项A、B、C都不是人格障碍，所以正确答案是D：以上都不是。", "D"),
]
DEEPSEEK = [
    ("defence", "**答案：A. 投射**  \n**解析：** 投射（Projection）是……", "A"),
    (
        "ocd",
        "<think>嗯，题目是强迫症的一线治疗，应该是ERP，也就是A。</think>\n正确答案是 **A. 暴露与反应预防**。",
        "A",
    ),
    ("ethics", "嗯，题目问的是不正确的说法……\n\n综合分析，不正确的说法是C。", "C"),
    ("signs", "### 答案\n\n**A、B、C**\n\n### 解析\n\n……", "ABC"),
    (
        "scales",
        "**正确答案：** A、B、D\n\n**逐项分析：**\n- **A. SDS**：抑郁自评量表\n- **C. HAMD**：他评量表",
        "ABD",
    ),
    ("stages", "</think>\n\n**答案：** A、B、C、E", "ABCE"),
    ("iq", "答案：A（正确）", "A"),
    ("none", "\\boxed{D}", "D"),
    ("defence", "<think>\n好的，投射……\n</think>\n\nA", "A"),
    (
        "ethics",
        "<think>\n题干要求选不正确的，A对B对D对。\n</think>\n\n选项 C 的说法不正确，应选 C。",
        "C",
    ),
    ("signs", "因此，核心症状为“三低”，即A、B、C三项。\n\n答案：A、B、C", "ABC"),
    ("ocd", "题目未给出足够的信息，无法判断。", ""),
    ("scales", "最终答案为：\\boxed{A, B, D}。", "ABD"),
    ("none", "**D. 以上都不是**", "D"),
    ("stages", "答案：ABCE\n\n注意：有的教材把D也列入，但按题干应排除。", "ABCE"),
]
LLAMA = [
    ("defence", "The correct answer is A) 投射 (projection).", "A"),
    ("ocd", "A. 暴露与反应预防 (Exposure and Response Prevention)", "A"),
    (
        "ethics",
        "I would say the answer is C. The other three statements are in line with the ethics code.",
        "C",
    ),
    ("signs", "The answer is A, B and C.", "ABC"),
    (
        "scales",
        "Based on the options, the self-rating scales are:\n\nA. SDS\nB. SAS\nD. SCL-90\n\nSo the correct answers are A, B, and D.",
        "ABD",
    ),
    ("stages", "Sure! The correct answers are A, B, C and E.", "ABCE"),
    ("iq", "The statement is true, so the answer is A.", "A"),
    ("none", "None of the above, so the correct answer is D.", "D"),
    ("defence", "答案是A。<|eot_id|>", "A"),
    (
        "ocd",
        "Let's think step by step.\n\nSystematic desensitisation is used for phobias, so B is wrong. Free association is not evidence-based for OCD, so C is wrong.\n\nThe best answer is A.",
        "A",
    ),
    ("ethics", "I cannot answer this question.", ""),
    (
        "signs",
        "## Step 1: Recall the core symptoms\n…\n## Step 2: Compare\n…\n\nThe final answer is: $\\boxed{ABC}$",
        "ABC",
    ),
    ("defence", "B is incorrect. C is incorrect. D is incorrect. A is correct.", "A"),
    ("scales", "A, B, D are correct. C is a clinician-rated scale.", "ABD"),
    ("none", "It's D.", "D"),
]
CHATGLM = [
    ("defence", "根据题目描述，这种防御机制是投射，因此正确答案为A。", "A"),
    ("ocd", "正确答案是[A]。", "A"),
    (
        "ethics",
        "选项C是不正确的，因为在来访者有伤害自己或他人的危险时可以突破保密。",
        "C",
    ),
    (
        "signs",
        "根据抑郁发作的诊断标准，选项A、B、C是核心症状，选项D不是。因此，答案为A、B、C。",
        "ABC",
    ),
    ("scales", "答案：AB D", "ABD"),
    ("stages", "选A、B、C、E", "ABCE"),
    ("iq", "正确。", "A"),
    ("none", "综上所述，选项D是正确的答案。", "D"),
    ("defence", "A.投射B.合理化C.升华D.反向形成", ""),
    (
        "ocd",
        "根据题目，我们需要从A、B、C、D四个选项中选出一个正确的答案。强迫症的一线治疗是暴露与反应预防，因此答案是A。",
        "A",
    ),
    ("ethics", "A、B、D的说法都是正确的，因此不正确的是C。", "C"),
    (
        "signs",
        "选项A心境低落，选项B兴趣减退，选项C精力下降，都是核心症状。选项D不是核心症状。所以正确答案是ABC。",
        "ABC",
    ),
    (
        "none",
        "选项A是焦虑障碍，不符合题意。选项B是焦虑障碍，不符合题意。选项C是应激相关障碍，不符合题意。选项D符合题意。",
        "D",
    ),
    ("scales", "[正确答案]ABD<eoa>", "ABD"),
    ("defence", "投射。", "A"),
]
INTERNLM = [
    (
        "defence",
        "[正确答案]A<eoa>\n请你回答：\n下列属于神经症的是A:抑郁症;B:焦虑症",
        "A",
    ),
    ("ocd", "答案：A<|im_end|>", "A"),
    (
        "ethics",
        "答案：C\n\n请问：下列哪项不是防御机制？\nA. 投射\nB. 升华\n答案：B",
        "C",
    ),
    ("signs", "ABC<eoa>", "ABC"),
    ("scales", "【答案】ABD", "ABD"),
    ("stages", "正确答案：ABCE。解析：D为成年早期的任务。", "ABCE"),
    ("iq", "A", "A"),
    ("none", "D:以上都不是", "D"),
    (
        "defence",
        "把自己不能接受的冲动归于他人，这种防御机制是（ ）。\nA. 投射\nB. 合理化\nC. 升华\nD. 反向形成\n答案：A",
        "A",
    ),
    ("ocd", "A: 暴露与反应预防<eoa>", "A"),
    ("ethics", "把自己不能接受的冲动归于他人。\n[正确答案]C", "C"),
    ("signs", "答案是A、B、C，故选ABC。", "ABC"),
    ("scales", "A. SDS\nB. SAS\nC. HAMD\nD. SCL-90", ""),
    ("none", "选D。以上三种都不属于人格障碍。", "D"),
    ("stages", "应选择ABCE四项", "ABCE"),
]
MISTRAL = [
    ("defence", "La réponse correcte est A. 投射.", "A"),
    ("ocd", "The most appropriate choice is **A. 暴露与反应预防**.", "A"),
    (
        "ethics",
        "**Incorrect statement: C**\n\nConfidentiality may be broken in an emergency.",
        "C",
    ),
    ("signs", "The core symptoms are A, B, and C.", "ABC"),
    ("scales", "**Correct answers:** A, B, D", "ABD"),
    (
        "stages",
        "[THINK]D is early adulthood.[/THINK]The correct choices are A, B, C, E.",
        "ABCE",
    ),
    ("iq", "Answer: A (正确)", "A"),
    ("none", "After reviewing each option, I choose D.", "D"),
    (
        "defence",
        "Let me reconsider. My first thought was D, but projection fits better. Final answer: A",
        "A",
    ),
    ("ocd", "The answer is probably A, although B is also used.", ""),
    ("ethics", "The answer is C</s>", "C"),
    ("signs", "Réponse : A, B, C", "ABC"),
    ("scales", "C is not a self-rating scale. All others are.", "ABD"),
    ("none", "**D**", "D"),
    ("stages", "I'd pick A, B, C and E.", "ABCE"),
]
SMALL = [
    ("defence", "A.投射。投射是指个体将自己的冲动归于他人。", "A"),
    ("ocd", "选A，暴露与反应预防。", "A"),
    ("ethics", "C错误。", "C"),
    ("signs", "A,B,C", "ABC"),
    ("scales", "A、B、D正确，C错误。", "ABD"),
    ("stages", "除D外都正确。", "ABCE"),
    ("iq", "√", "A"),
    ("none", "以上都不是", "D"),
    ("defence", "不是B，是A。", "A"),
    ("ocd", "答：A", "A"),
    ("ethics", "答案为C选项。", "C"),
    ("signs", "心境低落、兴趣减退和精力下降。", "ABC"),
    ("scales", "ABD都属于自评量表", "ABD"),
    ("none", "d", "D"),
    ("defence", "A\nA\nA\nA", "A"),
]
FAMILIES = {
    "GPT": GPT,
    "Claude": CLAUDE,
    "Gemini": GEMINI,
    "Qwen": QWEN,
    "DeepSeek": DEEPSEEK,
    "Llama": LLAMA,
    "ChatGLM": CHATGLM,
    "InternLM": INTERNLM,
    "Mistral": MISTRAL,
    "small models": SMALL,
}
REPLIES = [
    (family, QUESTIONS[name], text, frozenset(labels))
    for family, replies in FAMILIES.items()
    for name, text, labels in replies
]
