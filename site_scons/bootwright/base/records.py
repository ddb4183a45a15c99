"""Dataclasses that cost nothing to define: for the facts that every build handles, also one that has nothing to do.

Python's own writes the source of each method, compiles it and runs it: half a millisecond of processor time a class,
before anything was done. Here all classes share the same few functions. To a type checker they are dataclasses; the
functions of the module dataclasses take them (fields, asdict, is_dataclass), and only then is a real one made.
"""

from __future__ import annotations

__all__ = ["field", "record", "replace"]

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from dataclasses import dataclass as record
    from dataclasses import field, replace
else:

    class _Field:
        """What field() says of one."""

        def __init__(self, default, default_factory, compare, repr):  # the names are dataclasses' own
            self.default, self.default_factory, self.compare, self.repr = default, default_factory, compare, repr

    _MISSING = object()

    def field(*, default=_MISSING, default_factory=_MISSING, compare=True, repr=True):
        """As dataclasses.field, of whose arguments these four are taken."""
        return _Field(default, default_factory, compare, repr)

    def replace(instance, **changes):
        """As dataclasses.replace."""
        facts = vars(instance)
        return type(instance)(**{**{name: facts[name] for name in instance.__match_args__}, **changes})

    def record(cls=None, *, frozen=False):
        """As dataclasses.dataclass, of whose arguments frozen is taken."""
        return _make(cls, frozen) if cls is not None else lambda cls: _make(cls, frozen)

    class _Fields:
        """The attribute by which the module dataclasses knows its own; the first who asks has it made."""

        def __get__(self, instance, owner):
            import dataclasses

            own = {name: vars(owner)["_defaults"].get(name, _MISSING) for name in owner.__match_args__}
            body = {name: _real_field(dataclasses, given) for name, given in own.items() if given is not _MISSING}
            said = {
                name: text
                for one in reversed(owner.__mro__)
                for name, text in vars(one).get("__annotations__", {}).items()
            }
            annotations = {name: said[name] for name in own}
            made = dataclasses.dataclass(type(owner.__name__, (), {**body, "__annotations__": annotations}))
            owner.__dataclass_fields__ = made.__dataclass_fields__
            return owner.__dataclass_fields__

    def _real_field(dataclasses, given):
        if not isinstance(given, _Field):
            return given
        words = {name: value for name, value in vars(given).items() if value is not _MISSING}
        return dataclasses.field(**words)

    def _make(cls, frozen):
        before = tuple(getattr(cls, "__match_args__", ()))  # of a record that this one extends
        names = tuple(dict.fromkeys((*before, *cls.__annotations__)))
        defaults = {name: vars(cls)[name] for name in cls.__annotations__ if name in vars(cls)}
        for name, given in defaults.items():
            if isinstance(given, _Field):
                delattr(cls, name)
        defaults = {**getattr(cls, "_defaults", {}), **defaults}
        own = {name: given for name, given in defaults.items() if isinstance(given, _Field)}
        compared = tuple(name for name in names if name not in own or own[name].compare)
        shown = tuple(name for name in names if name not in own or own[name].repr)
        has_more = hasattr(cls, "__post_init__")

        def __init__(self, *values, **named):
            facts = vars(self)
            if values:
                if len(values) > len(names):
                    raise TypeError(f"{cls.__qualname__} takes {len(names)} values, not {len(values)}")
                facts.update(zip(names, values, strict=False))
            for name in named:
                if name in facts or name not in names:
                    raise TypeError(f"{cls.__qualname__} has no further field {name}")
            facts.update(named)
            if len(facts) < len(names):
                for name in names:
                    if name not in facts:
                        facts[name] = _default(cls, name, defaults)
            if has_more:
                self.__post_init__()

        def __eq__(self, other):
            if other.__class__ is not self.__class__:
                return NotImplemented
            mine, theirs = vars(self), vars(other)
            return all(mine[name] == theirs[name] for name in compared)

        def __repr__(self):
            facts = vars(self)
            return f"{cls.__qualname__}({', '.join(f'{name}={facts[name]!r}' for name in shown)})"

        def __hash__(self):
            facts = vars(self)
            return hash(tuple([facts[name] for name in compared]))

        cls.__match_args__, cls._defaults, cls.__dataclass_fields__ = names, defaults, _Fields()
        cls.__init__, cls.__eq__, cls.__repr__ = __init__, __eq__, __repr__
        cls.__hash__ = __hash__ if frozen else None
        if frozen:
            cls.__setattr__ = cls.__delattr__ = _refuse
        return cls

    def _default(cls, name, defaults):
        if name not in defaults:
            raise TypeError(f"{cls.__qualname__} has no value for {name}")
        given = defaults[name]
        if not isinstance(given, _Field):
            return given
        if given.default_factory is not _MISSING:
            return given.default_factory()
        if given.default is _MISSING:
            raise TypeError(f"{cls.__qualname__} has no value for {name}")
        return given.default

    def _refuse(self, name, *value):
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot change field {name!r}")
