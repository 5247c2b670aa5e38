"""Fills in a workbook as a person does, with no library that writes over one."""

import io
import re
import zipfile
from xml.sax.saxutils import escape


def filled(data: bytes, heading: str, answers: dict[int, str]) -> bytes:
    """Return the workbook with a text in the ``heading`` column of each row of
    ``answers`` (0 is the first below the header)."""
    book = zipfile.ZipFile(io.BytesIO(data))
    strings = re.findall(
        r"<t[^>]*>(.*?)</t>", book.read("xl/sharedStrings.xml").decode()
    )
    sheet = book.read("xl/worksheets/sheet1.xml").decode()
    at = strings.index(escape(heading))
    column = re.search(rf'<c r="([A-Z]+)1"[^>]*t="s"[^>]*><v>{at}</v>', sheet)[1]
    for row, text in answers.items():
        place = f"{column}{row + 2}"
        cell = f'<c r="{place}" t="inlineStr"><is><t>{escape(text)}</t></is></c>'
        sheet, n = re.subn(rf'<c r="{place}"[^>]*?(?:/>|>.*?</c>)', cell, sheet)
        assert n == 1, place
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as changed:
        for name in book.namelist():
            is_sheet = name == "xl/worksheets/sheet1.xml"
            changed.writestr(name, sheet if is_sheet else book.read(name))
    return out.getvalue()
