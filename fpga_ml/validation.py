"""Checked dataclasses: pydantic finds what is wrong with a value, and the user is told so by our one error."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeVar, dataclass_transform

import numpy as np
from pydantic import AfterValidator, BeforeValidator, ConfigDict, ValidationError
from pydantic.dataclasses import dataclass
from pydantic_core import ErrorDetails, PydanticCustomError

from fpga_ml.errors import FpgaMlError, suggest

Made = TypeVar("Made")
# By the beginnings of pydantic's names for a type that does not fit.
_A = {
    **{
        "int": "a whole number",
        "float": "a number",
        "string": "a string",
        "bool": "true or false",
        "tuple": "a list of strings",
    },
    **dict.fromkeys(("dict", "mapping", "dataclass"), "a section"),
    "is_instance_of": "a path",
}


class SettingError(FpgaMlError):
    """key: of the setting that is wrong, as its section calls it."""

    def __init__(self, key: str, what: str, do: str) -> None:
        super().__init__(what, do=do)
        self.key = key

    def at(self, where: str | None) -> FpgaMlError:
        return FpgaMlError(self.what, where=where, do=self.do)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def checked(cls: type[Made]) -> type[Made]:
    """A frozen dataclass whose values are checked whenever one is made: SettingError for the first that is wrong."""
    made: Any = dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid", arbitrary_types_allowed=True))(cls)
    build = made.__init__

    @functools.wraps(build)
    def told(self: Any, /, *args: Any, **values: Any) -> None:
        try:
            build(self, *args, **{k: v.item() if isinstance(v, np.generic) else v for k, v in values.items()})
        except ValidationError as error:
            raise _told(error.errors()[0], made.__dataclass_fields__) from None

    made.__init__ = told
    found: type[Made] = made
    return found


def passes(check: Callable[[Any], object]) -> AfterValidator:
    """A value of which a check raises no FpgaMlError."""

    def checked_value(value: Any) -> Any:
        _told_as_ours(lambda: check(value))
        return value

    return AfterValidator(checked_value)


def _told_as_ours(check: Callable[[], object]) -> None:
    """An FpgaMlError of `check` in the form in which pydantic hands it on."""
    try:
        check()
    except FpgaMlError as error:
        raise PydanticCustomError("ours", "{what}", {"what": error.what, "do": error.do or ""}) from None


def one_of(kind: str, known: Iterable[str], elsewhere: Mapping[str, str] = MappingProxyType({})) -> AfterValidator:
    """A name from a list; kind: what an error calls it; elsewhere: {what others call it: the name}."""
    names = tuple(known)
    return passes(lambda value: _check_known(kind, value, names, elsewhere))


def member_of(kind: str, enum: type[StrEnum], elsewhere: Mapping[str, str] = MappingProxyType({})) -> BeforeValidator:
    """As `one_of`, the names being an enum's values; gives the member."""

    def member(value: Any) -> Any:
        if not isinstance(value, str):
            raise PydanticCustomError("string_type", "not a string")
        _told_as_ours(lambda: _check_known(kind, value, tuple(enum), elsewhere))
        return enum(value)

    return BeforeValidator(member)


def _check_known(kind: str, value: str, names: Sequence[str], elsewhere: Mapping[str, str]) -> None:
    if value not in names:
        same = elsewhere.get(value.lower())
        raise FpgaMlError(f"unknown {kind} '{value}'", do=f"did you mean '{same}'?" if same else suggest(value, names))


def _told(error: ErrorDetails, known: Mapping[str, Any]) -> SettingError:
    """In our words."""
    path = [part for part in error["loc"] if isinstance(part, str)]
    key, name, value, context = path[-1], ".".join(path), error["input"], error.get("ctx", {})
    match error["type"]:
        case "ours":
            named = key in context["what"]
            return SettingError(key, context["what"] if named else f"{name}: {context['what']}", context["do"])
        case "unexpected_keyword_argument":
            return SettingError(key, f"unknown setting '{key}'", suggest(key, known.keys() - {"source"}))
        case "greater_than_equal":
            return SettingError(key, f"{name} = {value} is below {context['ge']}", f"use {context['ge']} or more")
        case "less_than_equal":
            return SettingError(key, f"{name} = {value} is above {context['le']}", f"use {context['le']} or less")
        case "finite_number":
            return SettingError(key, f"{name} = {value} is not finite", "write a finite number")
        case "too_short" | "string_too_short":
            return SettingError(key, f"{name} is empty", f"give {name} a value, or leave it out")
    wanted = next((a for kind, a in _A.items() if error["type"].startswith(kind)), "a value of its type")
    return SettingError(key, f"{name} = {value!r} is not {wanted}", f"write {wanted}")
