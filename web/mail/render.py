"""Words as plain text and as HTML. Everything that stands in them is escaped, without exception.

The HTML has no images, no scripts and nothing from elsewhere: a letter tells nobody that it was
opened. Its styles are inline, for many mail programs drop all others.
"""

from __future__ import annotations

from html import escape
from typing import Final
from urllib.parse import urlsplit

from web.mail.wording import Action, Paragraph, Wording

_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
</head>
<body style="margin:0;padding:24px;font-family:system-ui,sans-serif;font-size:16px;line-height:1.5">
<div style="max-width:560px;margin:0 auto">
<h1 style="font-size:20px">{title}</h1>
{body}
<p style="margin-top:32px;font-size:13px;opacity:.7">{foot}</p>
</div>
</body>
</html>
"""
_PARAGRAPH: Final = "<p>{text}</p>"
# The address is shown as well: a button alone asks to be trusted blindly.
_ACTION: Final = """\
<p><a href="{link}" rel="noreferrer" style="display:inline-block;padding:10px 18px;\
border-radius:6px;background:#0b5fa5;color:#fff;text-decoration:none">{text}</a></p>
<p style="font-size:13px;overflow-wrap:anywhere">{link}</p>"""
_FOOT: Final = "MaxRay wrote this by itself; answers are not read."


def as_text(words: Wording) -> str:
    """Paragraphs apart by empty lines; each link on a line of its own."""
    parts = [words.subject, *map(_text, words.parts), f"-- \n{_FOOT}"]
    return "\n\n".join(parts) + "\n"


def as_html(words: Wording) -> str:
    """Raises ValueError for a link that is no http(s) URL."""
    body = "\n".join(map(_html, words.parts))
    return _PAGE.format(title=escape(words.subject), body=body, foot=escape(_FOOT))


def _text(part: Paragraph | Action) -> str:
    return part.text if isinstance(part, Paragraph) else f"{part.text}:\n{_checked(part.link)}"


def _html(part: Paragraph | Action) -> str:
    if isinstance(part, Paragraph):
        return _PARAGRAPH.format(text=escape(part.text))
    return _ACTION.format(text=escape(part.text), link=escape(_checked(part.link)))


def _checked(link: str) -> str:
    parts = urlsplit(link)
    printable = link.isascii() and link.isprintable() and " " not in link
    if parts.scheme not in ("http", "https") or not parts.hostname or not printable:
        raise ValueError("a letter's link is an absolute http(s) URL")
    return link
