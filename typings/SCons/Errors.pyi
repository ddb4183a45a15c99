# The exceptions that SCons shows as one line, and the one that ends a build.
from typing import Any

from SCons.Node import Node

class BuildError(Exception):
    node: Node | list[Node] | None
    errstr: str
    status: int
    exitstatus: int
    def __init__(
        self,
        node: Any = ...,
        errstr: str = ...,
        status: int = ...,
        exitstatus: int = ...,
        filename: str | None = ...,
        executor: Any = ...,
        action: Any = ...,
        command: Any = ...,
        exc_info: Any = ...,
    ) -> None: ...

class UserError(Exception): ...
class StopError(Exception): ...
