"""Rust's symbol names as a person wrote them: both manglings, the old one with hashes and v0 (RFC 2603).

What is no Rust symbol comes back as it is.
"""

from __future__ import annotations

import re
from functools import lru_cache

BASIC_TYPES = {
    "a": "i8", "b": "bool", "c": "char", "d": "f64", "e": "str", "f": "f32", "h": "u8", "i": "isize", "j": "usize",
    "l": "i32", "m": "u32", "n": "i128", "o": "u128", "s": "i16", "t": "u16", "u": "()", "v": "...", "x": "i64",
    "y": "u64", "z": "!", "p": "_",
}  # fmt: skip
ESCAPES = {"SP": "@", "BP": "*", "RF": "&", "LT": "<", "GT": ">", "LP": "(", "RP": ")", "C": ","}
SPECIAL = {"C": "closure", "S": "shim"}
LIBRARY = ("core", "alloc", "compiler_builtins")
DEEPEST = 200  # a name that is nested deeper is broken


class _Broken(Exception):
    """The text is no v0 symbol."""


@lru_cache(maxsize=4096)
def demangle(symbol: str) -> str:
    """Returns the path that symbol stands for, without hashes; symbol itself where it is none of Rust's."""
    name = symbol.partition(".llvm.")[0]
    if name.startswith("_ZN"):
        return _legacy(name) or symbol
    if name.startswith("_R"):
        try:
            return _V0(name[2:]).path(in_value=True)
        except (_Broken, IndexError, ValueError):
            return symbol
    return symbol


def crate_of(symbol: str) -> str:
    """Returns the crate that a symbol belongs to; "" for one without a path, as `_start` or `memcpy` is.

    A method of a trait belongs to the type's crate; where that is core's own type, to the first other crate named.
    """
    name = demangle(symbol)
    if not name.startswith("<"):
        crate, separator, _ = name.partition("::")
        return crate if separator else ""
    named = re.findall(r"(?<![\w:])([A-Za-z_]\w*)::", name)
    return next((crate for crate in named if crate not in LIBRARY), named[0] if named else "")


def _legacy(name: str) -> str | None:
    parts, rest = [], name[3:]
    while rest and rest[0] != "E":
        length = re.match(r"\d+", rest)
        if not length:
            return None
        end = length.end() + int(length[0])
        parts.append(rest[length.end() : end])
        rest = rest[end:]
    if not rest or not parts:
        return None
    if re.fullmatch(r"h[0-9a-f]{16}", parts[-1]):
        parts.pop()
    return "::".join(map(_unescape, parts))


def _unescape(part: str) -> str:
    if part.startswith("_$"):
        part = part[1:]
    # One escape after the other: the type u8 between two of them, $LT$u8$u20$, is none.
    part = re.sub(
        r"\$(?:u([0-9a-f]{1,6})|([A-Z]{1,2}))\$",
        lambda found: chr(int(found[1], 16)) if found[1] else ESCAPES.get(found[2], found[0]),
        part,
    )
    return part.replace("..", "::")


class _V0:
    """A reader of one v0 symbol behind its `_R`; positions of back references count from there."""

    def __init__(self, text: str, at: int = 0, depth: int = 0) -> None:
        self._text = text
        self._at = at
        self._depth = depth

    def path(self, in_value: bool = False) -> str:
        """Reads a path."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise _Broken
        kind = self._next()
        if kind == "C":
            self._disambiguator()
            return self._identifier()
        if kind == "N":
            namespace = self._next()
            inner = self.path(in_value)
            number = self._disambiguator()
            name = self._identifier()
            if namespace.isupper():
                word = SPECIAL.get(namespace, namespace)
                return f"{inner}::{{{word}{':' + name if name else ''}#{number}}}"
            return f"{inner}::{name}" if name else inner
        if kind in "MX":
            self._disambiguator()
            self.path()  # where the impl stands, which Rust does not write
            kind = "m" if kind == "M" else "Y"
        if kind == "m":
            return f"<{self.type()}>"
        if kind == "Y":
            return f"<{self.type()} as {self.path()}>"
        if kind == "I":
            inner = self.path(in_value)
            arguments = self._list(self._generic_argument)
            return f"{inner}{'::' if in_value else ''}<{', '.join(arguments)}>"
        if kind == "B":
            return self._elsewhere().path(in_value)
        raise _Broken

    def type(self) -> str:
        """Reads a type."""
        kind = self._next()
        if kind in BASIC_TYPES:
            return BASIC_TYPES[kind]
        if kind in "RQ":
            self._lifetime()
            return f"&{'mut ' if kind == 'Q' else ''}{self.type()}"
        if kind in "PO":
            return f"*{'const' if kind == 'P' else 'mut'} {self.type()}"
        if kind == "A":
            return f"[{self.type()}; {self._constant()}]"
        if kind == "S":
            return f"[{self.type()}]"
        if kind == "T":
            items = self._list(self.type)
            return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
        if kind == "F":
            return self._function()
        if kind == "D":
            return self._trait_object()
        if kind == "B":
            return self._elsewhere().type()
        self._at -= 1
        return self.path()

    def _function(self) -> str:
        self._binder()
        unsafe = "unsafe " if self._take("U") else ""
        abi = ""
        if self._take("K"):
            abi = 'extern "C" ' if self._take("C") else f'extern "{self._identifier().replace("_", "-")}" '
        arguments = self._list(self.type)
        result = self.type()
        return f"{unsafe}{abi}fn({', '.join(arguments)}){'' if result == '()' else f' -> {result}'}"

    def _trait_object(self) -> str:
        self._binder()
        bounds = self._list(self._bound)
        if not self._take("L"):
            raise _Broken
        self._base_62()
        return f"dyn {' + '.join(bounds)}"

    def _bound(self) -> str:
        bound = self.path()
        while self._take("p"):
            output = f"{self._identifier()} = {self.type()}"
            bound = f"{bound[:-1]}, {output}>" if bound.endswith(">") else f"{bound}<{output}>"
        return bound

    def _generic_argument(self) -> str:
        if self._take("L"):
            self._base_62()
            return "'_"
        return self._constant() if self._take("K") else self.type()

    def _constant(self) -> str:
        if self._take("B"):
            return self._elsewhere()._constant()
        kind = self._next()
        if kind == "p":
            return "_"
        negative = "-" if self._take("n") else ""
        digits = ""
        while (character := self._next()) != "_":
            digits += character
        number = int(digits or "0", 16)
        if kind == "b":
            return "true" if number else "false"
        return repr(chr(number)) if kind == "c" else f"{negative}{number}"

    def _elsewhere(self) -> _V0:
        start = self._at - 1
        target = self._base_62()
        if target >= start:
            raise _Broken
        return _V0(self._text, target, self._depth + 1)

    def _list(self, read: object) -> list[str]:
        items = []
        while not self._take("E"):
            assert callable(read)
            items.append(str(read()))
        return items

    def _binder(self) -> None:
        if self._take("G"):
            self._base_62()

    def _lifetime(self) -> None:
        if self._take("L"):
            self._base_62()

    def _disambiguator(self) -> int:
        return self._base_62() + 1 if self._take("s") else 0

    def _base_62(self) -> int:
        if self._take("_"):
            return 0
        number = 0
        while (character := self._next()) != "_":
            digit = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".index(character)
            number = number * 62 + digit
        return number + 1

    def _identifier(self) -> str:
        punycode = self._take("u")
        digits = ""
        while self._at < len(self._text) and self._text[self._at].isdigit() and digits != "0":
            digits += self._next()
        if not digits:
            raise _Broken
        self._take("_")
        end = self._at + int(digits)
        if end > len(self._text):
            raise _Broken
        name, self._at = self._text[self._at : end], end
        if punycode:
            basic, _, extended = name.rpartition("_")
            return f"{basic}-{extended}".encode("ascii").decode("punycode") if basic else extended
        return name

    def _take(self, character: str) -> bool:
        if self._text[self._at : self._at + 1] == character:
            self._at += 1
            return True
        return False

    def _next(self) -> str:
        self._at += 1
        return self._text[self._at - 1]
