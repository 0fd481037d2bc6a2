"""What a component tells of itself: documented, annotated, with models, and with secrets marked as such."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any, Final, get_type_hints

from pytest_signalpy.contract.subject import Subject, does_not_apply, fails, fails_if, fields_of

SECRET: Final = re.compile(r"(^|_)(password|passphrase|secret|token|api_?key|private_key|credentials?)s?($|_)")


class DeclarationChecks:
    """Checks of the component's class."""

    def test_component_is_described(self, subject: Subject) -> None:
        """The class has a docstring, from which `signalpy describe` quotes, and a version of its own."""
        spec = subject.spec
        if not spec.description:
            fails(f"the class {spec.cls.__qualname__} has no docstring, which `signalpy describe` shows")
        if spec.version == "0":
            fails(f'@component("{spec.name}") has no version=, by which others depend on it')

    def test_runnables_are_described(self, subject: Subject) -> None:
        """Each runnable has a description."""
        fails_if(
            f"{subject.name}.{item.name} has no description="
            for item in subject.spec.runnables
            if not item.description.strip()
        )

    def test_parameters_have_models(self, subject: Subject) -> None:
        """Each runnable that takes parameters has a model, and the model describes each field."""
        spec = subject.spec
        if not spec.runnables:
            does_not_apply("it has no runnable")
        bare = [
            f"{spec.name}.{item.name} takes whatever comes: give it params=Model"
            for item in spec.runnables
            if item.takes_params and item.params is None
        ]
        fails_if([*bare, *(line for item in spec.runnables for line in _undescribed(item.params))])

    def test_settings_are_described(self, subject: Subject) -> None:
        """Each field of the settings is described."""
        if subject.spec.settings is None:
            does_not_apply("it has no settings")
        fails_if(_undescribed(subject.spec.settings))

    def test_secrets_are_hidden(self, subject: Subject) -> None:
        """A setting whose name says that it is a secret has a type that shows none."""
        model = subject.spec.settings
        if model is None:
            does_not_apply("it has no settings")
        fails_if(
            f"{model.__name__}.{name} is {field.annotation!r}, expected pydantic.SecretStr or SecretBytes"
            for name, field in model.model_fields.items()
            if SECRET.search(name.lower()) and "Secret" not in repr(field.annotation)
        )

    def test_handlers_are_annotated(self, subject: Subject) -> None:
        """Every method that the kernel calls has annotations, and `params` has the type of its model."""
        fails_if(_unannotated(subject))


def _undescribed(model: Any) -> Iterator[str]:
    for name, _, description in fields_of(model):
        if not description:
            fix = 'write Field(description="…"), or :param in its docstring'
            yield f"{model.__name__}.{name} has no description: {fix}"


def _unannotated(subject: Subject) -> Iterator[str]:
    spec = subject.spec
    models = {item.method: item.params for item in spec.runnables}
    subscribers = [item.method for item in spec.subscriptions]
    stages = [item.method for item in spec.stages.values()]
    for method in dict.fromkeys([*models, *subscribers, *stages, *(item.method for item in spec.hooks)]):
        function = getattr(spec.cls, method)
        where = f"{spec.cls.__qualname__}.{method}"
        parameters = list(inspect.signature(function).parameters.values())[1:]
        for parameter in parameters:
            if parameter.annotation is parameter.empty:
                yield f"{where}: {parameter.name} has no annotation"
        if inspect.signature(function).return_annotation is inspect.Signature.empty:
            yield f"{where}: there is no return annotation"
        if models.get(method) is not None and parameters:
            yield from _other_type(where, function, parameters[0].name, models[method])


def _other_type(where: str, function: Any, name: str, model: type) -> Iterator[str]:
    try:
        found = get_type_hints(function).get(name)
    except (NameError, TypeError, AttributeError):  # a name that only type checkers import
        return
    if isinstance(found, type) and not issubclass(model, found):
        yield f"{where}: {name} is annotated as {found.__name__}, and its model is {model.__name__}"
