"""Text of others as a sentence may have it: on one line, printable, and not long. Pure."""

WORDS_MAX_CHARS = 500
"""A library's own sentence and what it quotes; servers' pages are longer."""


def plain_words(text: str, limit_chars: int = WORDS_MAX_CHARS) -> str:
    """Return ``text`` with ``?`` for what cannot be printed, cut after ``limit_chars``."""
    text = "".join(char if char.isprintable() else "?" for char in " ".join(text.split()))
    return text if len(text) <= limit_chars else text[:limit_chars] + "..."
