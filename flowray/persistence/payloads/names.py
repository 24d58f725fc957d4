"""Which stored values a text names. Not how values are kept: see ``payloads.directory``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from flowray.persistence.payloads.ids import owner_name


class Names:
    """Finds names of values that are kept under the id of one execution, in JSON and in whatever else holds them.

    A text that only looks like a name counts as one: nothing is lost by keeping too much.
    """

    def __init__(self, execution_id: str) -> None:
        self._pattern = re.compile(re.escape(owner_name(execution_id)).encode() + rb"\.[0-9a-f]{64}")

    def within(self, data: bytes | str | None) -> set[str]:
        """Their ids."""
        encoded = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data or b""
        return {found.decode() for found in self._pattern.findall(encoded)}


def unnamed(
    execution_id: str, stored: Mapping[str, int], named: set[str], load: Callable[[str], bytes]
) -> dict[str, int]:
    """Those of the ``stored`` values, with their bytes, that nothing names: neither a row nor a value that is named."""
    if stored.keys() <= named:
        return {}
    names, pending = Names(execution_id), [its_id for its_id in named if its_id in stored]
    reached = set(pending)
    while pending:
        new = {its_id for its_id in names.within(load(pending.pop())) if its_id in stored} - reached
        reached |= new
        pending.extend(new)
    return {its_id: size for its_id, size in stored.items() if its_id not in reached}
