"""The errors that reach a user: each names where, which field, which value, and what was expected."""

from __future__ import annotations


class InputError(ValueError):
    """Something that the user gave is wrong; the command line prints it on one line and exits with 2.

    Args:
        where: file or argument in which it was found.
        field: the field, key or pixel range at fault ("" where the whole file is).
        value: what stood there (shortened when long).
        expected: what would have been right, as a sentence fragment.
    """

    def __init__(self, where: object, field: str, value: object, expected: str) -> None:
        text = " ".join(str(value).split())
        text = text if len(text) <= 80 else text[:77] + "..."
        place = f"{where}: {field}" if field else f"{where}"
        super().__init__(f"{place}: got {text}; expected {expected}")
        self.where, self.field, self.value, self.expected = str(where), field, value, expected

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str, str, str]]:
        """Errors travel between processes as what they were made of, not as their text."""
        return type(self), (self.where, self.field, str(self.value), self.expected)
