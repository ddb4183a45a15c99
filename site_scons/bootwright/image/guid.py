"""A GUID as people write it. Most who read the layout want a number of it, and uuid takes 4 ms to import."""

from __future__ import annotations

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from uuid import UUID


class Guid(str):
    """The text of a GUID, in lower case."""

    __slots__ = ()

    @property
    def uuid(self) -> UUID:
        """The GUID itself."""
        from uuid import UUID

        return UUID(self)
