"""Parameters: from what a caller gives to an instance of the target's model, or every problem at once.

The model's core validator is called directly; an instance of the model passes through as it is. What is not a field
of the model is an error, unless the model itself says what it does with extra fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Literal, TypeAlias

from signalpy import refusal
from signalpy.errors import InvalidParams
from signalpy.flat import is_flat

Validate: TypeAlias = Callable[[Any], Any]


def validator(target: str, model: Any, *, takes_params: bool) -> Validate:
    """The function that makes parameters for ``target``.

    :param model: a pydantic model, a dataclass, or ``None`` for parameters that are passed on as a mapping.
    :raises InvalidParams: (the function) with every problem and without a single value.
    """
    if model is None:
        return _mapping(target) if takes_params else _nothing(target)
    return _model(target, model)


def _mapping(target: str) -> Validate:
    def validate(params: Any) -> Any:
        if params is None:
            return {}
        if isinstance(params, Mapping):
            return params
        raise _no_mapping(target, params)

    return validate


def _nothing(target: str) -> Validate:
    def validate(params: Any) -> Any:
        if params is None:
            return None
        if not isinstance(params, Mapping):
            raise _no_mapping(target, params)
        if params:
            raise invalid(
                target,
                [
                    {"loc": (str(key),), "msg": "is not a parameter; there are none", "type": "extra_forbidden"}
                    for key in params
                ],
            )
        return None

    return validate


def _model(target: str, model: Any) -> Validate:
    from pydantic import BaseModel, TypeAdapter
    from pydantic_core import ValidationError

    if model is BaseModel:
        model = _no_fields()
    is_model = issubclass(model, BaseModel)
    core = model.__pydantic_validator__ if is_model and model.__pydantic_complete__ else None
    if core is None:
        if is_model:
            model.model_rebuild()
            core = model.__pydantic_validator__
        else:
            core = TypeAdapter(model).validator
    extra: Literal["forbid"] | None = None if is_model and "extra" in model.model_config else "forbid"
    check = core.validate_python

    def validate(params: Any) -> Any:
        if type(params) is not dict and isinstance(params, model):
            return params
        problem = None
        try:
            return check({} if params is None else params, extra=extra)
        except ValidationError as error:
            problem = refusal.problems(error)
        raise invalid(target, problem)

    if extra is not None and is_model and is_flat(model.__pydantic_core_schema__):
        return _counting(check, validate, ValidationError)
    return validate


def _counting(check: Validate, exact: Validate, refused: type[Exception]) -> Validate:
    """``exact``, for a flat model behind a quicker look; what that does not accept is looked at anew."""

    def validate(params: Any) -> Any:
        if type(params) is dict:
            try:
                made = check(params)
                if len(made.__pydantic_fields_set__) == len(params):
                    return made
            except refused:
                pass
        return exact(params)

    return validate


@lru_cache(maxsize=1)
def _no_fields() -> Any:
    from pydantic import create_model

    return create_model("NoParams")


def invalid(target: str, problems: list[dict[str, Any]]) -> InvalidParams:
    """The error for these problems: one line, no value in it."""
    return InvalidParams(f"{target}: parameters do not fit: {refusal.told(problems)}", target=target, problems=problems)


def _no_mapping(target: str, params: Any) -> InvalidParams:
    found = type(params).__name__
    return invalid(
        target, [{"loc": (), "msg": f"expected a mapping of names to values, found {found}", "type": "mapping_type"}]
    )
