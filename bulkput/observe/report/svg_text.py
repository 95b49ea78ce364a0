"""What matplotlib writes as SVG, made a part of a page: ids of its own, colours of the page, words.

Text in, text out.
"""

import re
from html import escape

from bulkput.observe.report.palette import CSS_OF
from bulkput.observe.report.picture import Picture

_HEAD = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
_STYLE_ELEMENT = re.compile(r"\s*<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL)
_IDS = re.compile(r'\bid="([^"]+)"|url\(#([^)]+)\)|xlink:href="#([^"]+)"')
_OPENING = re.compile(r"<svg([^>]*)>")
_NAMESPACE = re.compile(r'\sxmlns="[^"]*"')
_SIZE = re.compile(r'\s(?:width|height)="[^"]*"')


def cleaned(text: str, picture: Picture, *, is_inline: bool) -> str:
    """Return what matplotlib wrote with ids of its own, colours of the page, and words."""

    def own(match: re.Match[str]) -> str:
        name = f"{picture.key}-{next(filter(None, match.groups()))}"
        kind = match[0][:2]
        if kind == "id":
            return f'id="{name}"'
        return f"url(#{name})" if kind == "ur" else f'href="#{name}"'

    text = _IDS.sub(own, _METADATA.sub("", _HEAD.sub("", text)))
    for colour, css in CSS_OF.items():
        text = text.replace(colour, css)
    title, words = f"{picture.key}-title", f"{picture.key}-words"
    named = (
        f'<title id="{title}">{escape(picture.title)}</title>'
        f'<desc id="{words}">{escape(picture.description)}</desc>'
    )

    def opened(match: re.Match[str]) -> str:
        attributes = match[1].replace(' xmlns:xlink="http://www.w3.org/1999/xlink"', "")
        if is_inline:
            attributes = _SIZE.sub("", _NAMESPACE.sub("", attributes))
        return f'<svg{attributes} role="img" aria-labelledby="{title} {words}">{named}'

    text = _OPENING.sub(opened, text, count=1)
    return _STYLE_ELEMENT.sub("", text).strip() if is_inline else text
