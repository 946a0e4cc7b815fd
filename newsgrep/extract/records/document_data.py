"""Which metadata of documents a person wrote, and not the program that created the file."""

from __future__ import annotations

import re

_NOT_STATED = re.compile(
    r"(?:microsoft(?: office)? ?|windows ?|微软)(?:用户|使用者|user)?|user|用户|admin(?:istrator)?"
    r"|python-docx|pc|hp|lenovo|dell|asus|雨林木风|番茄花园|深度技术|未定义"
    r"|microsoft (?:office )?(?:word|powerpoint) - .*|untitled.*|无标题.*|未命名.*|word document"
    r"|(?:文档|document|幻灯片|slide) ?\d*"
    r"|.*\.(?:docx?|wps|pdf|indd|qxd|pptx?|tex|dvi|xlsx?|rtf|txt)",
    re.IGNORECASE,
)


def is_stated(text: str) -> bool:
    """Return whether the title or author of a document was written by a person, not a program.

    >>> is_stated("Microsoft Word - 渡口.doc"), is_stated("渡口的冬天")
    (False, True)
    """
    return bool(text.strip()) and not _NOT_STATED.fullmatch(text.strip())
