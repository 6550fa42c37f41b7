"""Cells of spreadsheets: .xlsx, .xlsm, .xlsb, .xls and .ods."""

import datetime
import io

from langgraph_parallel.reading.notes import Parsed, Sheet, Unreadable
from langgraph_parallel.reading.parsers.archives import check_unpacked


def workbook_sheets(data: bytes) -> Parsed:
    """Return the sheets of a workbook: whole numbers without a point, dates as 2026-05-01.

    Raises:
        Unreadable: it is protected by a password, or too large when unpacked.
        Exception: it is damaged, in one of many ways.
    """
    from python_calamine import CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

    check_unpacked(data)
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
    except PasswordError:
        raise Unreadable("it is protected by a password; save it without") from None
    sheets = []
    for about in workbook.sheets_metadata:
        if about.typ is not SheetTypeEnum.WorkSheet:
            continue  # a chart or a macro
        rows = workbook.get_sheet_by_name(about.name).to_python(skip_empty_area=False)
        texts = [[_show(cell) for cell in row] for row in rows]
        sheets.append(Sheet(about.name, about.visible is not SheetVisibleEnum.Visible, texts))
    return Parsed("", sheets=sheets)


def _show(cell: object) -> str:
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else f"{cell:.15g}"
    if isinstance(cell, datetime.datetime) and cell.time() == datetime.time():
        return cell.date().isoformat()
    if isinstance(cell, datetime.datetime):
        return cell.isoformat(sep=" ", timespec="seconds")
    return str(cell)
