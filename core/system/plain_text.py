"""Escape untrusted text for each place where it is shown."""

from __future__ import annotations

import re

# A spreadsheet reads a cell that begins with one of these as a formula (OWASP, "CSV Injection"). Some
# spreadsheets convert the last four, full-width forms, to the ASCII ones.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
# People also read Markdown files as plain text, so only the signs that act within a line are escaped, and the
# colon, dot or @ that would make a link or an icon. On a page a text may begin a line and backslashes are
# invisible, so every sign is escaped.
_FILE_MARKS = re.compile(r"[\\`*_{}\[\]<>|#$&~^]|(?<=\w)\.(?=[A-Za-z])|:(?=[A-Za-z/])|@")
_PAGE_MARKS = re.compile(r"[!-/:-@\[-`{-~]")


def replace_unprintable(text: str, stand_in: str = " ", allowed: str = "") -> str:
    """Return the text with `stand_in` for each character that is neither printable nor in `allowed`.

    >>> replace_unprintable("a\\tb\\x1b")
    'a b '
    """
    return "".join(char if char.isprintable() or char in allowed else stand_in for char in text)


def escape_for_terminal(text: str) -> str:
    """Return the text with control characters replaced, so that it cannot control the terminal.

    >>> escape_for_terminal("a\\x1b[2J")
    'a�[2J'
    """
    return replace_unprintable(text, "\N{REPLACEMENT CHARACTER}")


def escape_for_markdown(text: object) -> str:
    r"""Return the text escaped for a line of a Markdown file: no markup, link, picture or icon.

    >>> escape_for_markdown("a [b](https://c.de) *d*")
    'a \\[b\\](https\\://c\\.de) \\*d\\*'
    """
    return _FILE_MARKS.sub(lambda match: "\\" + match[0], replace_unprintable(str(text)))


def escape_for_page(text: str) -> str:
    r"""Return the text escaped for a page: no markup, link, picture, formula or icon.

    >>> escape_for_page("1. a_b")
    '1\\. a\\_b'
    """
    return _PAGE_MARKS.sub(lambda match: "\\" + match[0], replace_unprintable(text))


def escape_for_cell(text: str) -> str:
    """Return the text as a spreadsheet cell: on one line and never a formula.

    >>> escape_for_cell("=1+1")
    "'=1+1"
    """
    line = replace_unprintable(text)
    return f"'{line}" if begins_formula(text) else line


def begins_formula(text: str) -> bool:
    """Return whether a spreadsheet may read the text as a formula.

    >>> begins_formula(" @a"), begins_formula("a@")
    (True, False)
    """
    return text.startswith(_FORMULA_STARTS) or text.lstrip().startswith(_FORMULA_STARTS)
