"""Reading a TOML file of Cargo's, with a sentence for each mistake that names the file and the key or the line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.records import record
from bootwright.base.regular import read_text

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from typing import Any

    Json = dict[str, Any]

KINDS = {str: "a string", int: "an integer", bool: "true or false", list: "a list", dict: "a table"}


def read_toml(path: Path) -> Json:
    """Reads a TOML file, with or without a byte order mark; raises BootwrightError where it is missing or no TOML."""
    import tomllib  # a build that reads no such file does not pay for it

    try:
        values = tomllib.loads(read_text(path, encoding="utf-8-sig"))
        if found := _find_nul(values):
            words = "holds a NUL character, which no argument and no variable of a program can hold"
            raise BootwrightError(f"{path}: {found} {words}")
        return values
    except FileNotFoundError as error:
        raise BootwrightError(f"there is no file {path}") from error
    except RecursionError as error:
        raise BootwrightError(f"{path}: is nested too deeply to be read") from error
    except tomllib.TOMLDecodeError as error:
        text = str(error)
        place = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", text)
        where = f":{place[1]}:{place[2]}" if place and place[1] else ""
        words = text[: place.start()] if place else text
        end = " at its end" if place and not place[1] else ""
        raise BootwrightError(f"{path}{where}: is no TOML{end}: {words[:1].lower()}{words[1:]}") from error
    except ValueError as error:  # Python has a limit for the digits of a number
        raise BootwrightError(f"{path}: is no TOML: a number in it has too many digits") from error


def _find_nul(values: object, place: str = "") -> str:
    """Returns where a string with a NUL stands in a value, "" for nowhere."""
    if isinstance(values, str):
        return place if "\0" in values else ""
    if isinstance(values, dict):
        if any("\0" in key for key in values):
            return f"a key of {place or 'the file'}"
        inner = ((value, f"{place}.{key}" if place else key) for key, value in values.items())
    elif isinstance(values, list):
        inner = ((value, place) for value in values)
    else:
        return ""
    return next((found for value, where in inner if (found := _find_nul(value, where))), "")


@record(frozen=True)
class Table:
    """One table of a file, with its name as the file would write it, for sentences."""

    path: Path
    name: str
    values: Json

    def error(self, key: str, words: str, hint: str = "") -> BootwrightError:
        """Returns the sentence for a key of this table."""
        return BootwrightError(f"{self.path}: {self._name(key)} {words}", hint)

    def _name(self, key: str) -> str:
        return f"[{self.name}] {key}" if self.name else key

    def get(self, key: str, kind: type, default: Any = None) -> Any:
        """Returns the value of key, which is of that kind (true is no integer); raises where it is of another."""
        value = self.values.get(key, default)
        if value is default or type(value) is kind:
            return value
        raise self.error(key, f"is {show(value)}, not {KINDS[kind]}")

    def strings(self, key: str) -> tuple[str, ...]:
        """Returns the list of strings at key; empty where there is none."""
        values = self.get(key, list, [])
        for value in values:
            if not isinstance(value, str):
                raise self.error(key, f"holds {show(value)}, not a string")
        return tuple(values)

    def table(self, key: str) -> Table:
        """Returns the table at key, empty where there is none."""
        return Table(self.path, f"{self.name}.{key}" if self.name else key, self.get(key, dict, {}))

    def tables(self, key: str) -> list[Table]:
        """Returns the tables of the list at key ([[bin]])."""
        found = self.get(key, list, [])
        for value in found:
            if not isinstance(value, dict):
                raise self.error(key, f"holds {show(value)}, not a table")
        return [Table(self.path, f"[{key}]", value) for value in found]

    def only(self, keys: Iterable[str]) -> None:
        """Raises where the table has a key that is not among keys."""
        known = sorted(keys)
        for key in self.values:
            if key not in known:
                raise self.error(key, "is no key that is known here", f"the keys are {', '.join(known)}")


def show(value: object, levels: int = 4) -> str:
    """Returns a TOML value for a sentence, cut where it is long; of what is in it, so many levels."""
    if isinstance(value, int) and value.bit_length() > 200:
        return "a number of more than 60 digits"  # Python refuses to write the longest ones
    from bootwright.base.terminal import printable

    if levels == 0:
        return "..."
    if isinstance(value, list):
        text = f"[{', '.join(show(inner, levels - 1) for inner in value[:60])}]"
    elif isinstance(value, dict):
        inners = [f"{key} = {show(inner, levels - 1)}" for key, inner in list(value.items())[:60]]
        text = f"{{{', '.join(inners)}}}"
    else:
        text = str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)
    text = printable(text)
    return text if len(text) <= 60 else f"{text[:57]}..."
