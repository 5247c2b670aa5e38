"""Words that names are made of, and those that stand beside them."""

from functools import cache
from importlib.resources import files
from typing import NamedTuple

TITLES = (
    "老师|医生|大夫|主任|教授|护士|律师|警官|总监|总|经理|老板|校长|院长|班长|同学|学长|学姐|学弟|学妹"
    "|师傅|阿姨|叔叔|叔|大哥|大姐|大爷|大妈|奶奶|爷爷|哥|姐|姨|女士|先生|小姐|咨询师|某某?|科长|局长|处长"
    "|书记|导师"
)
FULL_TITLES = (
    "老师|医生|大夫|主任|教授|护士|警官|经理|校长|女士|先生|阿姨|叔叔|奶奶|爷爷"
)
KIN = (
    "男朋友|女朋友|男友|女友|前男友|前女友|老公|老婆|丈夫|妻子|前夫|前妻|前任|对象|闺蜜|室友|同桌|同事"
    "|同学|我妈|我爸|妈妈|爸爸|母亲|父亲|婆婆|公公|儿子|女儿|弟弟|妹妹|哥哥|姐姐|表哥|表姐|表弟|表妹"
    "|他爸|他妈|她爸|她妈|堂哥|堂妹|导师|班主任|来访者|朋友|邻居|领导|上司|老板"
)
MORE_KIN = (
    "舍友|哥们|哥们儿|兄弟|姐妹|发小|好友|网友|老乡|队友|我弟|我妹|我哥|我姐|他弟|他妹|他哥|他姐|她弟|她妹"
    "|她哥|她姐|堂姐|堂弟|嫂子|姐夫|妹夫|弟媳|舅舅|大舅|二舅|小舅|舅妈|姑姑|姑妈|大姑|小姑|姑父|姨妈|大姨"
    "|二姨|三姨|姨父|叔叔|二叔|三叔|小叔|婶婶|伯伯|大伯|二伯|伯父|伯母|爷爷|奶奶|外公|外婆|姥姥|姥爷|爷爷|孙子"
    "|孙女|外甥|侄子|侄女|师兄|师姐|师弟|师妹|学长|学姐|学弟|学妹|班长|组长|主管|经理|主任|辅导员|咨询师"
    "|教练|房东|患者|病人|孩子|闺女|宝宝|初恋|前男友|前女友|暗恋对象|男生|女生|男孩|女孩"
)
"""Said before a name, too, but often without one: a name beside them must be likely."""
NO_NAME = (
    "的了在是有和也就都很不我你您他她它们这那什么怎么吗呢吧啊把被让给跟与到"
    "说想要会能可没去来从对"
)
NO_GIVEN_NAME = "感性们您以越过后里外下样次些个位件事人日候秒点公氏爷"
"""Characters that names of the dictionary hold and people's names do not."""
NO_TITLED = "向有那从和于时常任连"
"""Family names which before a title are words: 向老师求助, 有医生说."""


class Surnames(NamedTuple):
    """Family names.

    Attributes:
        sure: Common ones that are rarely another word, the commonest first.
        doubtful: Those that are often another word.
        double: Those of two characters.
    """

    sure: tuple[str, ...]
    doubtful: tuple[str, ...]
    double: tuple[str, ...]


@cache
def surnames() -> Surnames:
    """Return the family names by how sure they are."""
    text = (files(__package__) / "surnames.txt").read_text("utf-8")
    sure, doubtful, double = [x for x in text.split("\n") if x[:1] not in ("#", "")]
    return Surnames(tuple(sure), tuple(doubtful), tuple(double.split()))


@cache
def word_list(name: str) -> frozenset[str]:
    """Return the words of a list that stands beside this module.

    Args:
        name: ``no_names.txt``, ``known_persons.txt``; lines of ``#`` are notes.
    """
    text = (files(__package__) / name).read_text("utf-8")
    lines = (line for line in text.split("\n") if not line.startswith("#"))
    return frozenset(word for line in lines for word in line.split())
