# Builders: made by Builder(), kept in env["BUILDERS"], called as methods of an Environment.
from typing import Any

from SCons.Node import NodeList

class BuilderBase:
    def __call__(self, env: Any, target: Any = ..., source: Any = ..., **overrides: Any) -> NodeList: ...

def Builder(**settings: Any) -> BuilderBase: ...
