"""Radicals and the ideographs that they stand for: ⼼ is 心, and looks the same.

NFKC maps the Kangxi block and misses most of the supplement. The supplement's
ideographs are those of Unicode's EquivalentUnifiedIdeograph table, a common form where
that one lies outside the BMP.
"""

import unicodedata

_KANGXI = range(0x2F00, 0x2FD6)
_SUPPLEMENT = {
    0x2E80: "々厂乛乚乙亻冂几刀刂卜㔾小小兀尣尢尣巳幺彑彐忄㣺扌攵",
    0x2E9B: "旡日月歺母民氵氺灬爫爫丬牛犭王疋罒示礻竹糹纟罓罒罒罒网羊羊羊耂肀聿月臼",
    0x2EBE: "艹艹艹虎衤覀西见角角讠贝足车辶辶辶邑钅長镸长门阜阝雨青韦页风飞食食飠饣首",
    0x2EE2: "马骨鬼鱼鸟卤麦黄黾斉齐歯齿竜龙龜亀龟",
}
RADICALS = {point: unicodedata.normalize("NFKC", chr(point)) for point in _KANGXI} | {
    start + index: ideograph
    for start, ideographs in _SUPPLEMENT.items()
    for index, ideograph in enumerate(ideographs)
}
