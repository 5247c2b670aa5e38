"""What a conversation says on its surface: feelings, theme, danger, substance, harm.

Word lists, not understanding. They are enough to tell ``加油，都会好的`` from a reply that
explains something and names a step.
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from psyche_kedro.llm.offline import lexicon

_PLATITUDE = re.compile(
    r"加油|会好的|好起来|抱抱|想开|看开|坚强|别难过|不要难过|没事|祝你|相信自己|支持你|别想太多|"
    r"开心点|放宽心|时间会|过去的|挺住|棒|爱自己|同感|一样|楼主|顶|来啊|哈哈|摸摸头|不哭"
)
_SUBSTANCE = re.compile(
    r"可以|建议|试试|试着|不妨|因为|其实|说明|往往|比如|例如|如果|首先|先把|先|分清|写下|沟通|"
    r"说出|反应|原因|意味着|需要|是不是|有没有|能不能|什么|怎么|也就是说|换|学会|尝试"
)
_HARMS = {
    "danger": r"死了算了|不如死|去死|打他|揍|报复|喝酒.{0,6}忘|不用去医院|别去医院|没必要看医生|"
    r"不要告诉(?:任何)?人|谁都别说|扛一扛就|自己扛着|别去找.{0,4}(?:咨询|医生)",
    "medication": r"(?:自行|自己|直接|马上|赶紧)(?:加量|减量|停药|买.{0,6}药)|停药|"
    r"吃(?:点|几片|一片|两片).{0,8}(?:药|安定|西汀|西泮|曲林)|不用吃药|别吃药|把药停",
    "diagnosis": r"你(?:这)?(?:就|肯定|一定|应该|明显|绝对)?(?:是|得了|患了|患上|有)(?:了)?"
    r"[^，。！？]{0,6}(?:抑郁症|焦虑症|双相|精神病|人格障碍|强迫症|分裂症|神经病)",
    "blame": r"矫情|活该|太脆弱|玻璃心|自找的|没出息|自作自受|你就是懒|你太懒|丢人|不知好歹|"
    r"你有病|无病呻吟|太作|都是你(?:自己)?的(?:错|问题)|怪你自己",
    "minimise": r"这算什么|这算啥|多大点事|没什么大不了|有什么(?:好|可)|别人比你|比你惨|"
    r"想太多了|吃饱了撑|闲的",
    "advert": r"加(?:我|个)?(?:微信|v|V|QQ|qq|群)|扫码|私信我|私聊我|公众号|优惠|限时|报名|付费|微信号",
}
_DENIED = re.compile(
    r"(?:不要|别|切勿|请勿|不能|不可|不建议|不应该|不必|并不|不是|不等于|千万)[^，。！？]{0,6}$"
)
_REFERRAL = re.compile(
    r"热线|12356|120|110|急诊|心理医生|心理科|精神科|去医院|到医院|专业(?:的)?(?:心理|帮助|机构|人员|支持)|"
    r"心理咨询|咨询师|危机干预|就医"
)
_EMPATHY = re.compile(
    r"我能感觉|感觉到你|听到你|听你说|听起来|能理解|理解你|心疼|难受|不容易|辛苦|陪|感受|委屈|压力|"
    r"难怪|想必|一定很|我听到|抱一抱|在意你|谢谢你愿意|挫败|沉重|勇气"
)
_GUIDANCE = re.compile(
    r"心理学|往往|因为|说明|其实|反应|信念|想法|情绪|循环|概念|研究|意味着|机制|需要没有|并不(?:是|代表|等于)|"
    r"也就是说|注意力|原因|期待|模式|认知"
)
_STEPS = re.compile(
    r"写下|列出|试试|试着|试一试|练习|可以先|第一步|先把|安排|分成|拆成|约定|找一|挑一|说一句|记录|每天|"
    r"呼气|深呼吸|沟通|谈一谈|拨打|停下来|不妨|从.{1,8}开始|换成|排个|走走"
)
_PREACH = re.compile(r"你应该|你必须|你要|不要再|你怎么|难道|别再")


def feelings(text: str) -> list[str]:
    """Return the feelings a text names, strongest first."""
    counts = Counter(
        {
            name: sum(text.count(word) for word in words)
            for name, words in lexicon.moves()["feelings"].items()
        }
    )
    return [name for name, n in counts.most_common() if n]


def theme(text: str) -> dict[str, Any]:
    """Return the counselling theme whose words a text has most of."""
    themes: list[dict[str, Any]] = lexicon.moves()["themes"]
    # A theme's first words are its most telling ones; the fallback has none.
    return max(
        themes[:-1] + themes[-1:],
        key=lambda t: _hits(text, t["words"]) or -bool(t["words"]),
    )


def _hits(text: str, words: Iterable[str]) -> int:
    return sum(text.count(word) for word in words)


def is_crisis(text: str) -> bool:
    """Whether a text speaks of ending or hurting one's own life."""
    return any(word in text for word in lexicon.moves()["crisis"]["words"])


def sentences(text: str) -> list[str]:
    """Return the sentences of a text with their final marks."""
    return [
        s.strip() for s in re.findall(r"[^。！？!?\n]+[。！？!?]*", text) if s.strip()
    ]


def harm(reply: str) -> str:
    """Return the gravest harm a reply does, ``none`` where no list has it."""
    for name, pattern in _HARMS.items():
        for match in re.finditer(pattern, reply):
            if not _DENIED.search(reply[: match.start()]):
                return name
    return "none"


def refers(reply: str) -> bool:
    """Whether a reply points to professional help."""
    return bool(_REFERRAL.search(reply))


def substance(reply: str) -> list[str]:
    """Return the sentences that explain, ask or propose; none of a platitude's."""
    return [
        s
        for s in sentences(reply)
        if len(s) >= 12
        and _SUBSTANCE.search(s)
        and (len(s) >= 24 or not _PLATITUDE.search(s))
    ]


def shared_words(reply: str, post: str) -> int:
    """Return how many content words of the post a reply takes up."""
    return len(set(lexicon.words(reply)) & set(lexicon.words(post)))


def warmth(reply: str) -> int:
    """Return how many different signs of empathy a reply has."""
    return len(set(_EMPATHY.findall(reply)))


def insight(reply: str) -> int:
    """Return how many different signs of explanation a reply has."""
    return len(set(_GUIDANCE.findall(reply)))


def steps(reply: str) -> int:
    """Return how many different signs of something to do a reply has."""
    return len(set(_STEPS.findall(reply)))


def preaches(reply: str) -> int:
    """Return how often a reply lectures."""
    return len(_PREACH.findall(reply))
