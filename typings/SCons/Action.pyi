# Actions: what a Builder or an Alias does.
from collections.abc import Callable, Sequence
from typing import Any

ActionFunction = Callable[..., Any]

class ActionBase: ...

def Action(
    act: ActionFunction | str | Sequence[Any],
    strfunction: Callable[..., str] | str | None = ...,
    *,
    varlist: Sequence[str] = ...,
) -> ActionBase: ...
