"""Numbers of a sheet are what it shows."""

import io

import pytest
import xlsxwriter

from psyche_kedro.pipelines.ingestion.files.cell_formats import (
    NOT_SHOWN,
    shown,
    shown_cells,
)
from psyche_kedro.pipelines.ingestion.files.records import read_excel


@pytest.mark.parametrize(
    ("value", "code", "text"),
    [
        (45356, 'm"-"d', "3-5"),
        (61, "m/d", "3/1"),
        (60, "m/d", None),
        (45356, 'm"月"d"日";@', "3月5日"),
        (45356, "yyyy\\-mm\\-dd", "2024-03-05"),
        (45356.5, "yyyy/m/d h:mm", "2024/3/5 12:00"),
        (45356, "[$-804]aaaa", "星期二"),
        (0.60417, "h:mm AM/PM", "2:30 PM"),
        (0.0021, "mm:ss", "03:01"),
        (0.37, "0%", "37%"),
        (0.375, "0.0%", "37.5%"),
        (0.5, "# ?/?", "1/2"),
        (1.25, "# ??/??", "1 1/4"),
        (7, "000", "007"),
        (1234.5, "#,##0.00", "1,234.50"),
        (3, "0.00_ ", "3.00"),
        (3, "?unknown?", None),
        (60, '0"分"', "60分"),
        (-3.14, "0.00;[Red](0.00)", "(3.14)"),
        (0, '0;-0;"免费"', "免费"),
        (0.00012, "0.00E+00", "1.20E-04"),
        (1.5, "[h]:mm", "36:00"),
        (0.03125, '[mm]"分钟"', "45分钟"),
        (1200, "[$¥-804]#,##0", "¥1,200"),
        (3, 'G/通用格式"级"', "3级"),
        (0.8, ".00", ".80"),
        (5, '[>3]"高";"低"', None),
        (5, ";;;", None),
        (0, "0.0;;", None),
        (-3, "0.0;;;@", None),
        (1.5, '[h]" h "mm" min"', "36 h 00 min"),
        (1.5, "[mm]:ss.0", None),
        (0.125, "0%", "13%"),
        (0.285, "0%", "29%"),
        (-2.5, '0"分"', "-3分"),
        (1.005, "0.00", "1.01"),
    ],
)
def test_a_number_is_shown_by_its_format(value, code, text):
    assert shown(value, code) == text


def test_cells_keep_their_places_where_a_sheet_begins_further_down():
    data = io.BytesIO()
    with xlsxwriter.Workbook(data) as book:
        sheet = book.add_worksheet("题")
        sheet.write(2, 1, "甲")
        sheet.write(3, 2, 0.37, book.add_format({"num_format": "0%"}))
        sheet.write(3, 3, 3.0)
    assert read_excel(data.getvalue()) == {"题": [["甲", "", ""], ["", "37%", "3"]]}


def test_a_cell_that_hides_its_number_leaves_the_others_as_they_are_shown():
    data = io.BytesIO()
    with xlsxwriter.Workbook(data) as book:
        sheet = book.add_worksheet("题")
        sheet.write(0, 0, 5, book.add_format({"num_format": ";;;"}))
        sheet.write(0, 1, 0.37, book.add_format({"num_format": "0%"}))
    assert read_excel(data.getvalue()) == {"题": [[f"5{NOT_SHOWN}", "37%"]]}


def test_of_what_is_no_workbook_nothing_is_shown():
    assert shown_cells(b"PK\x03\x04") == {}


def test_a_cell_in_error_or_of_an_unknown_format_is_marked():
    data = io.BytesIO()
    with xlsxwriter.Workbook(data) as book:
        sheet = book.add_worksheet("题")
        sheet.write_formula(0, 0, "=NA()", None, "#N/A")
        sheet.write(0, 1, 5, book.add_format({"num_format": '[>3]"高";"低"'}))
    ((error, number),) = read_excel(data.getvalue())["题"]
    assert error.endswith(NOT_SHOWN)
    assert number.endswith(NOT_SHOWN)
