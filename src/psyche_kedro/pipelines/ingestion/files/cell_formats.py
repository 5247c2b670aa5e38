"""Numbers of a workbook as its sheets show them.

An option ``3-5`` that Excel took for a date is 45356 in the file, ``37%`` is 0.37: what
the author saw is the cell's number format. Only cells whose format says more than the
number are looked at.
"""

import datetime
import io
import posixpath
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction

from lxml import etree

_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_BUILT_IN = {
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    9: "0%",
    10: "0.00%",
    12: "# ?/?",
    13: "# ??/??",
    14: "yyyy/m/d",
    15: "d-mmm-yy",
    16: "d-mmm",
    17: "mmm-yy",
    18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM",
    20: "h:mm",
    21: "h:mm:ss",
    22: "yyyy/m/d h:mm",
    27: "yyyy年m月",
    28: "m月d日",
    29: "m月d日",
    30: "m-d-yy",
    31: "yyyy年m月d日",
    32: "h时mm分",
    33: "h时mm分ss秒",
    36: "yyyy年m月",
    45: "mm:ss",
    46: "h:mm:ss",
    50: "yyyy年m月",
    51: "m月d日",
    54: "m月d日",
    57: "yyyy年m月",
    58: "m月d日",
}
"""Number formats without a code in the file; dates as Chinese Excel shows them."""
_EPOCH = datetime.datetime(1899, 12, 30)  # noqa: DTZ001  a wall clock's time
_FIRST_SURE = 61
"""Sheets count 29 February 1900, a day that never was: before it a date is another."""
_EPOCH_1904 = datetime.datetime(1904, 1, 1)  # noqa: DTZ001
_TAG = re.compile(r"\[[^\]]*\]")
_CONDITION = re.compile(r"\[(?:[<>=]|DBNum)", re.IGNORECASE)
_GENERAL = re.compile("General|G/通用格式", re.IGNORECASE)
_CURRENCY = re.compile(r"\[\$([^\]-]*)(?:-[^\]]*)?\]")
_SECTION = re.compile(r'((?:"[^"]*"|\\.|[^;])*+);')
_UNQUOTED = re.compile(r'"[^"]*"|\\.')
_ROOM = re.compile(r"_.|\*.")
"""Room left for a character, and a character that fills the cell."""
_TOKEN = re.compile(
    r'"[^"]*"|\\.|_.|\*.|AM/PM|上午/下午|y+|m+|d+|h+|s+(?:\.0+)?|a{3,4}|.',
    re.IGNORECASE,
)
_IS_DATE = re.compile(r"[ymdhs]|aaa", re.IGNORECASE)
_LITERAL = r'(?:"[^"]*"|\\.|[^0#?.,%E"\\@ymdhs/])*'
_FIXED = re.compile(
    rf"(?P<before>{_LITERAL})(?P<whole>[#0,]*[#0]|(?=\.))(?:\.(?P<digits>[0#]+))?"
    rf"(?:E(?P<sign>[+-])(?P<power>0+))?(?P<percent>%?)(?P<after>{_LITERAL})"
)
_ELAPSED = re.compile(r"\[(h+|m+|s+)\]", re.IGNORECASE)
_SECONDS = {"h": 3600, "m": 60, "s": 1}
NOT_SHOWN = "\ufffc"
"""Behind a value whose cell shows something else, or an error."""
_FRACTION = re.compile(r"#?\s*(\?+|#+)/(\?+|\d+|#+)")
_ANY_LENGTH = Context(prec=400)
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()  # noqa: SIM905
_WEEKDAYS = "一二三四五六日"
_HALF_DAYS = frozenset({"AM/PM", "上午/下午"})


def shown_cells(data: bytes) -> dict[str, dict[tuple[int, int], str]]:
    """Return per sheet what is seen in its formatted cells.

    Rows and columns count from the first that holds anything, as calamine counts.

    Args:
        data: An XLSX workbook; of any other file nothing is returned.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as book:
            codes = _formats(_parsed(book, "xl/styles.xml"))
            workbook = _parsed(book, "xl/workbook.xml")
            epoch = _EPOCH_1904 if _is_1904(workbook) else _EPOCH
            return {
                name: _shown(book, path, codes, epoch)
                for name, path in _sheets(book, workbook)
            }
    except (KeyError, ValueError, zipfile.BadZipFile, etree.XMLSyntaxError):
        return {}  # the workbook's own reader says what is wrong


def _parsed(book: zipfile.ZipFile, path: str) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    return etree.fromstring(book.read(path), parser)


def _is_1904(workbook: etree._Element) -> bool:
    told = (e.get("date1904") for e in workbook.iter("{*}workbookPr"))
    return next(told, None) in ("1", "true")


def _formats(styles: etree._Element) -> dict[int, str]:
    """Return the format of each cell style, '' for those that show the number."""
    own = {
        int(e.get("numFmtId", "0")): e.get("formatCode", "")
        for e in styles.iter("{*}numFmt")
    }
    formats = {}
    for cells in styles.iter("{*}cellXfs"):
        for index, style in enumerate(cells.iter("{*}xf")):
            number = int(style.get("numFmtId", "0"))
            code = own.get(number, _BUILT_IN.get(number, ""))
            formats[index] = "" if code.lower() in ("general", "@") else code
    return formats


def _sheets(
    book: zipfile.ZipFile, workbook: etree._Element
) -> Iterator[tuple[str, str]]:
    relations = _parsed(book, "xl/_rels/workbook.xml.rels")
    targets = {
        e.get("Id"): e.get("Target", "") for e in relations.iter("{*}Relationship")
    }
    for sheet in workbook.iter("{*}sheet"):
        target = targets.get(sheet.get(_RELATION), "")
        if "worksheets" in target:
            path = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
            yield sheet.get("name", ""), posixpath.normpath(path)


def _shown(
    book: zipfile.ZipFile, path: str, codes: Mapping[int, str], epoch: datetime.datetime
) -> dict[tuple[int, int], str]:
    found: dict[tuple[int, int], str] = {}
    if not any(codes.values()) and b't="e"' not in book.read(path):
        return found
    first_row = first_column = 1 << 30
    row = 0
    with book.open(path) as file:
        for _, cell in etree.iterparse(file, tag="{*}c", resolve_entities=False):
            place = cell.get("r", "")
            row, column = _place(place) if place else (row, 0)
            if len(cell):
                first_row, first_column = min(first_row, row), min(first_column, column)
            code = codes.get(int(cell.get("s", "0")), "")
            value, kind = cell.findtext("{*}v"), cell.get("t", "n")
            if value and kind == "e":
                found[row, column] = value + NOT_SHOWN
            elif value and code and kind == "n":
                text = shown(float(value), code, epoch)
                found[row, column] = value + NOT_SHOWN if text is None else text
            cell.clear()
    return {(r - first_row, c - first_column): text for (r, c), text in found.items()}


def _place(reference: str) -> tuple[int, int]:
    letters = reference.rstrip("0123456789")
    column = 0
    for letter in letters:
        column = column * 26 + ord(letter.upper()) - ord("A") + 1
    return int(reference[len(letters) :]), column


def shown(value: float, code: str, epoch: datetime.datetime = _EPOCH) -> str | None:
    """Return what a cell shows; None where the format is of no known kind.

    Args:
        value: The cell's number.
        code: Its number format.
        epoch: Day 0 of the workbook.
    """
    if _CONDITION.search(code):
        return None
    value, section = _section(value, _CURRENCY.sub(r'"\1"', code))
    if elapsed := _ELAPSED.search(section):
        return _elapsed(value, elapsed[1], _without_room(section))
    section = _without_room(section)
    bare = _UNQUOTED.sub("", section)
    if _IS_DATE.search(bare) and not re.search("[#0?]", bare.replace(".0", "")):
        return _date(value, section, epoch)
    return _number(value, section)


def _without_room(section: str) -> str:
    return _ROOM.sub("", _TAG.sub("", section)).strip()


def _number(value: float, section: str) -> str | None:
    section, n_general = _GENERAL.subn(f"{value:.10g}", section)
    if n_general or re.fullmatch(_LITERAL, section):
        return _words_of(section).strip() or None
    if match := _FIXED.fullmatch(section):
        return _fixed(value, match)
    match = _FRACTION.fullmatch(section)
    return _fraction(value, match) if match else None


def _section(value: float, code: str) -> tuple[float, str]:
    """Return the part of a format that is this number's: positive;negative;zero."""
    positive, *others = _SECTION.findall(f"{code};")
    if value < 0 and others:
        return -value, others[0]
    return value, others[1] if value == 0 and len(others) > 1 else positive


def _elapsed(value: float, first: str, rest: str) -> str | None:
    """Return hours, minutes or seconds in all: ``[h]:mm`` counts beyond 24."""
    seconds, said = round(value * 86400), ""
    for token in (first, *_TOKEN.findall(rest)):
        unit = _SECONDS.get(token[0].lower())
        if unit is None:
            said += _literal(token)
        elif "." in token:
            return None  # parts of a second
        else:
            said += f"{seconds // unit:0{len(token)}d}"
            seconds %= unit
    return said


def _words_of(literal: str) -> str:
    return re.sub(r"\\(.)", r"\1", literal.replace('"', ""))


def _fixed(value: float, match: re.Match[str]) -> str | None:
    whole, places = match["whole"], match["digits"] or ""
    if whole.endswith(",") or (match["power"] and "#" in whole + places):
        return None
    scaled = value * 100 if match["percent"] else value
    if match["power"]:
        text = _scientific(scaled, match, len(places))
    else:
        rounded = _rounded(scaled, len(places))
        text = f"{rounded:{',' if ',' in whole else ''}f}"
        for _ in range(len(places) - len(places.rstrip("#"))):
            text = text.removesuffix("0")
    width = whole.count("0") + len(text) - len(text.split(".", maxsplit=1)[0])
    text = text if "," in text else text.zfill(width + text.startswith("-"))
    text = (
        text.removeprefix("0") if whole[-1:] in ("", "#") and text[:2] == "0." else text
    )
    before, after = _words_of(match["before"]), _words_of(match["after"])
    return f"{before}{text}{match['percent']}{after}"


def _rounded(value: float, places: int) -> Decimal:
    """Round a half up, as sheets do: Python makes 12 of 12.5, and 1.00 of 1.005."""
    unit = Decimal(1).scaleb(-places)
    return Decimal(f"{value:.15g}").quantize(unit, ROUND_HALF_UP, _ANY_LENGTH)


def _scientific(value: float, match: re.Match[str], digits: int) -> str:
    number, _, power = f"{value:.{digits}E}".partition("E")
    sign = power[0] if power[0] == "-" or match["sign"] == "+" else ""
    return f"{number}E{sign}{power[1:].lstrip('0').zfill(len(match['power']))}"


def _fraction(value: float, match: re.Match[str]) -> str:
    below = match[2]
    limit = int(below) if below.isdigit() else 10 ** len(below) - 1
    whole, rest = divmod(value, 1)
    near = Fraction(rest).limit_denominator(limit)
    parts = [str(int(whole))] if whole else []
    parts += [f"{near.numerator}/{near.denominator}"] if near else []
    return " ".join(parts) or "0"


def _date(value: float, code: str, epoch: datetime.datetime) -> str | None:
    try:
        moment = epoch + datetime.timedelta(days=value, seconds=0.5)  # to whole ones
    except OverflowError:
        return None
    tokens = _TOKEN.findall(code)
    named = list(_with_minutes(tokens))
    if value < _FIRST_SURE and any(
        t[0].lower() in "ymd" and t[1:2] != "i" for t in named
    ):
        return None
    words = _words(moment, 12 if _HALF_DAYS & {t.upper() for t in tokens} else 24)
    said = [_said(t.lower(), words) or _literal(t) for t in named]
    return "".join(said).strip()


def _with_minutes(tokens: Sequence[str]) -> Iterator[str]:
    """Yield the tokens, an ``m`` behind hours or before seconds as ``minute``."""
    units = [(n, t[0].lower()) for n, t in enumerate(tokens) if t[0].lower() in "ymdhs"]
    minutes = {
        index
        for place, (index, unit) in enumerate(units)
        if unit == "m"
        and (
            "h" in [u for _, u in units[max(place - 1, 0) : place]]
            or "s" in [u for _, u in units[place + 1 : place + 2]]
        )
    }
    for index, token in enumerate(tokens):
        yield f"minute{len(token)}" if index in minutes else token


def _words(moment: datetime.datetime, hours: int) -> dict[str, str]:
    """Return what each token of a date stands for."""
    hour = moment.hour if hours == 24 else (moment.hour - 1) % 12 + 1  # noqa: PLR2004
    numbers = {"m": moment.month, "d": moment.day, "h": hour, "s": moment.second}
    weekday = _WEEKDAYS[moment.weekday()]
    is_late = moment.hour >= 12  # noqa: PLR2004
    return (
        {unit: str(number) for unit, number in numbers.items()}
        | {unit * 2: f"{number:02d}" for unit, number in numbers.items()}
        | {"minute1": str(moment.minute), "minute2": f"{moment.minute:02d}"}
        | dict.fromkeys(("mmm", "mmmm"), _MONTHS[moment.month - 1])
        | dict.fromkeys(("ddd", "dddd", "aaaa"), f"星期{weekday}")
        | dict.fromkeys(("y", "yy"), f"{moment.year % 100:02d}")
        | dict.fromkeys(("yyy", "yyyy"), str(moment.year))
        | {"aaa": weekday, "am/pm": "PM" if is_late else "AM"}
        | {"上午/下午": "下午" if is_late else "上午"}
    )


def _said(token: str, words: Mapping[str, str]) -> str:
    return words.get(token.split(".", maxsplit=1)[0] if token[0] == "s" else token, "")


def _literal(token: str) -> str:
    if token[0] in "_*" and len(token) > 1:
        return ""
    return token[1:-1] if token[0] == '"' else token.removeprefix("\\")
