"""What a search keeps in its folder: each result in a file of its own, found again by what it follows from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fpga_ml.errors import FpgaMlError
from fpga_ml.explore.knobs import Params
from fpga_ml.whole import put


@dataclass(frozen=True)
class Store:
    """same: all that the results of one search have in common."""

    folder: Path
    same: Mapping[str, Any]

    def begin(self) -> None:
        """Raises FpgaMlError for a folder that holds another search."""
        path = self.folder / "subject.json"
        known = json.loads(path.read_text()) if path.exists() else self.same
        other = [name for name in self.same if known.get(name) != self.same[name]]
        if other:
            differences = [_told(name, known.get(name), self.same[name]) for name in other]
            raise FpgaMlError(
                f"the folder holds a search with {', '.join(differences)}",
                where=str(self.folder),
                do="give another folder with -o, or remove this one",
            )
        put(path, json.dumps(self.same, indent=1) + "\n")

    def path(self, kind: str, params: Params, suffix: str = ".json") -> Path:
        """Of a result of one kind."""
        text = json.dumps([self.same, sorted(params.items())], sort_keys=True)
        return self.folder / kind / f"{hashlib.sha256(text.encode()).hexdigest()[:20]}{suffix}"

    def get(self, kind: str, params: Params) -> dict[str, Any] | None:
        path = self.path(kind, params)
        found: dict[str, Any] | None = json.loads(path.read_text()) if path.exists() else None
        return found

    def keep(self, kind: str, params: Params, value: Mapping[str, Any]) -> None:
        put(self.path(kind, params), json.dumps(value) + "\n")


def _told(name: str, known: Any, own: Any) -> str:
    """What is different; both values where they are numbers."""
    return f"another {name}" + f" ({known}, not {own})" * all(isinstance(v, int) for v in (known, own))
