"""Writes fpga_ml/report/typed.py, the types of report.json, from its schema. --check only compares."""

from __future__ import annotations

import json
import subprocess
import sys
from keyword import iskeyword
from pathlib import Path
from typing import Any

REPORT = Path(__file__).parent.parent / "fpga_ml" / "report"
HEAD = '''\
"""The types of report.json, made from schema.json, where values are described, by scripts/update_report_types.py."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict
'''
PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None", "object": "dict[str, Any]"}


class Types:
    """classes: the text of each TypedDict, those that others need before them."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.shared, self.classes = schema["$defs"], dict[str, str]()
        self.of(schema, "BuildReport")

    def of(self, entry: dict[str, Any], name: str) -> str:
        """Of an entry of the schema; name: what a class for it would be called."""
        match entry:
            case {"$ref": reference}:
                shared = str(reference).rpartition("/")[2]
                return self.of(self.shared[shared], named(shared))
            case {"oneOf": choices} | {"anyOf": choices}:
                kinds = dict.fromkeys(self.of(choice, name) for choice in choices)
                return " | ".join(sorted(kinds, key="None".__eq__))
            case {"enum": values}:
                return f"Literal[{', '.join(map(repr, values))}]"
            case {"const": value}:
                return f"Literal[{value!r}]"
            case {"properties": properties}:
                return self._class(name, properties, entry.get("required", []))
            case {"type": "array", "items": items}:
                return f"list[{self.of(items, name)}]"
            case {"type": "object", "additionalProperties": dict(values)}:
                return f"dict[str, {self.of(values, name)}]"
            case {"type": list(kinds)}:
                return " | ".join(PLAIN[kind] for kind in kinds)
            case {"type": kind}:
                return PLAIN[kind]
        return "Any"

    def _class(self, name: str, properties: dict[str, Any], required: list[str]) -> str:
        inner = "" if name == "BuildReport" else name.removesuffix("Entry")
        kinds = {key: self.of(value, f"{inner}{named(key)}") for key, value in properties.items()}
        kinds = {key: kind if key in required else f"NotRequired[{kind}]" for key, kind in kinds.items()}
        if any(map(iskeyword, kinds)):
            self.classes[name] = f"{name} = TypedDict({name!r}, {{{', '.join(f'{k!r}: {v}' for k, v in kinds.items())}}})"
        else:
            lines = [f"    {key}: {kind}" for key, kind in kinds.items()]
            self.classes[name] = "\n".join([f"class {name}(TypedDict):", *lines])
        return name


def named(key: str) -> str:
    """A class for the value of a key."""
    return "".join(word.capitalize() for word in key.split("_")) + "Entry"


def main() -> None:
    target = REPORT / "typed.py"
    classes = Types(json.loads((REPORT / "schema.json").read_text())).classes
    text = "\n\n\n".join([HEAD, *classes.values()]) + "\n"
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(target), "-"]
    text = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
    if "--check" not in sys.argv:
        target.write_text(text)
    elif not target.exists() or target.read_text() != text:
        sys.exit("fpga_ml/report/typed.py: run `make tables`")


if __name__ == "__main__":
    main()
