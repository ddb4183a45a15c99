# Actions: what a Builder or an Alias does.
from collections.abc import Callable, Sequence
from typing import Any

ActionFunction = Callable[..., Any]

class Action:  # a function in truth; a class here, so that it serves as the type of what it returns
    def __init__(
        self,
        act: ActionFunction | str | Sequence[Any],
        strfunction: ActionFunction | str | None = ...,
        *,
        varlist: Sequence[str] = ...,
    ) -> None: ...

class FunctionAction(Action):
    def __init__(self, execfunction: ActionFunction, kw: dict[str, Any]) -> None: ...
