"""Chinese numerals.

>>> DIGITS["两"], to_numeral(12), to_numeral(20), to_numeral(100)
(2, '十二', '二十', '100')
"""

from typing import Final

_ORDINARY: Final = "零一二三四五六七八九"
_TEN: Final = 10
SPOKEN: Final = f"〇{_ORDINARY}幺"
"""Digits as a telephone number is read out, one by one."""
DIGITS: Final = {digit: value for value, digit in enumerate(_ORDINARY)} | {
    "〇": 0,
    "幺": 1,
    "两": 2,
    "俩": 2,
    "仨": 3,
}


def to_numeral(number: int) -> str:
    """Return 1 to 99 as 一 … 九十九, any other number in digits."""
    if not 0 < number < _TEN**2:
        return str(number)
    tens, ones = divmod(number, _TEN)
    head = ("" if tens == 1 else _ORDINARY[tens]) + "十" if tens else ""
    return head + (_ORDINARY[ones] if ones else "")
