"""Windows code pages, and whether a text read in one looks as if people had written it."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

# Western, central European, Cyrillic, Greek, Turkish, Hebrew, Arabic, Baltic, Vietnamese, Thai, Japanese, Chinese
# (simplified, traditional), Korean.
PAGES: tuple[str, ...] = ("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258")
PAGES += ("cp874", "cp932", "gbk", "cp950", "cp949")
# The first and second bytes of characters in everyday use.
_COMMON = {
    "cp932": (range(0x81, 0x99), range(0x40, 0xFD)),
    "gbk": (range(0xA1, 0xD8), range(0xA1, 0xFF)),
    "cp950": (range(0xA1, 0xC7), range(0x40, 0xFF)),
    "cp949": (range(0xA1, 0xC9), range(0xA1, 0xFF)),
}
_MOSTLY = 0.8  # of the characters are in everyday use
_SAME_SCRIPT = {"HIRAGANA": "CJK", "KATAKANA": "CJK", "KATAKANA-HIRAGANA": "CJK"}
_NO_SCRIPTS = {"HALFWIDTH", "FULLWIDTH", "MASCULINE", "FEMININE", "MICRO", "BOX", ""}
_SIGNS = {"Pd", "Pi", "Pf", "Zs"}  # dashes, quotes, blanks
_EASTERN_SIGNS = "、。・「」（）！？：；，·"
_MARKS = {"Mn", "Mc"}


def is_plausible(text: str, codec: str) -> bool:
    """Whether all is letters and their marks, each word in one script and spelt as words of it are."""
    characters = set(text)
    foreign = {c for c in characters if not c.isascii()}
    kinds = {c: unicodedata.category(c) for c in foreign if not c.isalpha()}
    if any(kind not in _SIGNS | _MARKS and c not in _EASTERN_SIGNS for c, kind in kinds.items()):
        return False
    if any(c < " " and c not in "\t\r\n" for c in characters):
        return False
    marks = "".join(c for c, kind in kinds.items() if kind in _MARKS)
    words = re.findall(rf"(?:[^\W\d_]|[{marks}])+" if marks else r"[^\W\d_]+", text)
    return _is_common(foreign, codec) and all(_is_word(word) for word in set(words) if not word.isascii())


def _is_common(foreign: set[str], codec: str) -> bool:
    """Whether most characters of a page with two bytes each are in everyday use."""
    if codec not in _COMMON or not foreign:
        return True
    first, second = _COMMON[codec]
    written = [c.encode(codec) for c in foreign]
    return sum(len(b) == 1 or (b[0] in first and b[1] in second) for b in written) >= _MOSTLY * len(written)


def _is_word(word: str) -> bool:
    scripts = {_script(c) for c in word} - {"COMBINING"}
    if len(scripts) != 1 or scripts & _NO_SCRIPTS:
        return False
    if any(after.isupper() and before.islower() and not (before + after).isascii() for before, after in pairwise(word)):
        return False
    if scripts == {"GREEK"}:
        return sum(len(unicodedata.normalize("NFD", c)) > 1 for c in word) <= 1
    # Latin languages have an ASCII letter in almost every word: other alphabets read as Latin have none.
    return scripts != {"LATIN"} or len(word) == 1 or any(c.isascii() for c in word)


def _script(character: str) -> str:
    name = unicodedata.name(character, "").split(" ")[0]
    return _SAME_SCRIPT.get(name, name)
