"""The protected values of an operation that is under way, of which there is no record yet, or none at all."""

from __future__ import annotations

from signalpy import Call, Operation, Publication
from signalpy_audit_trail.encoding import plain
from signalpy_audit_trail.privacy import marks
from signalpy_audit_trail.privacy.masking import Mask
from signalpy_audit_trail.privacy.protector import Protector


def mask_of(protector: Protector, operation: Operation) -> Mask | None:
    """What takes the values of an operation, as they are now, out of a text; ``None`` if no rule is about it."""
    if not protector.looks_into(operation.name):
        return None
    client = plain(operation.client).value
    if isinstance(operation, Call):
        return protector.mask(operation.name, {"params": plain(operation.params).value}, client)
    data = operation.data if isinstance(operation, Publication) else None
    return protector.mask(operation.name, plain(data).value, client)


def remember(protector: Protector, operation: Operation, error: BaseException) -> None:
    """Take note of an exception out of an operation of which no record is made, for the records of those around it."""
    mask = mask_of(protector, operation)
    if mask is not None:
        marks.put(error, mask)
