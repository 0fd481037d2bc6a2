"""OCSF (Open Cybersecurity Schema Framework) 1.x: API Activity (6003) and Account Change (3001), one on each line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from ipaddress import ip_address
from typing import Any, ClassVar, Final

import msgspec

from signalpy.matching import matches_any
from signalpy_audit_trail.export.formats.contract import Entry, Lines, decoded

VERSION: Final = "1.5.0"
API_ACTIVITY: Final = 6003
ACCOUNT_CHANGE: Final = 3001

_ACCOUNT: Final = {
    "create": (1, "Create"),
    "enable": (2, "Enable"),
    "password_change": (3, "Password Change"),
    "password_reset": (4, "Password Reset"),
    "disable": (5, "Disable"),
    "delete": (6, "Delete"),
    "attach_policy": (7, "Attach Policy"),
    "detach_policy": (8, "Detach Policy"),
    "lock": (9, "Lock"),
    "unlock": (12, "Unlock"),
}
_API: Final = {
    "create": (1, "Create"),
    "open": (1, "Create"),
    "add": (1, "Create"),
    "read": (2, "Read"),
    "get": (2, "Read"),
    "list": (2, "Read"),
    "query": (2, "Read"),
    "balance": (2, "Read"),
    "export": (2, "Read"),
    "update": (3, "Update"),
    "change": (3, "Update"),
    "set": (3, "Update"),
    "delete": (4, "Delete"),
    "remove": (4, "Delete"),
    "close": (4, "Delete"),
    "erase": (4, "Delete"),
}
_STATUS: Final = {"success": (1, "Success"), "failure": (2, "Failure"), "denied": (2, "Failure")}
_SEVERITY: Final = {"failure": (3, "Medium"), "denied": (3, "Medium"), "in_doubt": (3, "Medium")}
_ENDINGS: Final = ("d", "ed")
"""``created`` and ``locked`` are ``create`` and ``lock``."""


class Ocsf(Lines):
    """API Activity, and Account Change for what is said to be about user accounts.

    :param accounts: patterns on actions whose subject is a user account: ``user.created`` is an Account Change, Create.
    """

    name: ClassVar[str] = "ocsf"
    media_type: ClassVar[str] = "application/x-ndjson"
    start: ClassVar[bytes] = b'{"class_uid":'

    def __init__(self, accounts: Sequence[str] = ("user.*", "users.*")) -> None:
        self._accounts = tuple(accounts)

    def row(self, entry: Entry) -> bytes:
        """One event and a line feed."""
        about_account = matches_any(str(entry["action"]), self._accounts)
        own = _account_change(entry) if about_account else _api_activity(entry)
        return msgspec.json.encode({**own, **_common(entry)}) + b"\n"

    def told(self, row: bytes) -> Entry:
        """The record of an event."""
        return decoded(decoded(row)["unmapped"]["record"])


def _account_change(entry: Entry) -> dict[str, Any]:
    name = next(iter(entry.get("subjects", ())), None) or str(entry.get("target") or "unknown")
    classed = _classed(ACCOUNT_CHANGE, "Account Change", 3, "Identity & Access Management", _activity(entry, _ACCOUNT))
    return {**classed, "user": _user(name)}


def _api_activity(entry: Entry) -> dict[str, Any]:
    subjects = [{"name": str(name), "uid": str(name)} for name in entry.get("subjects", ())]
    classed = _classed(API_ACTIVITY, "API Activity", 6, "Application Activity", _activity(entry, _API))
    return {**classed, **({"resources": subjects} if subjects else {})}


def _classed(uid: int, name: str, category: int, category_name: str, activity: tuple[int, str]) -> dict[str, Any]:
    number, told = activity
    return {
        "class_uid": uid,
        "class_name": name,
        "category_uid": category,
        "category_name": category_name,
        "activity_id": number,
        "activity_name": told,
        "type_uid": uid * 100 + number,
        "type_name": f"{name}: {told}",
    }


def _common(entry: Entry) -> dict[str, Any]:
    origin = entry.get("origin") or {}
    client = entry.get("client") if isinstance(entry.get("client"), dict) else {}
    status, status_name = _STATUS.get(entry["outcome"], (99, str(entry["outcome"])))
    severity, severity_name = _SEVERITY.get(entry["outcome"], (1, "Informational"))
    error = entry.get("error") or {}
    caller = str(entry.get("caller") or "kernel")
    told: dict[str, Any] = {
        "time": _milliseconds(entry["time"]),
        "message": f"{entry['action']}: {entry['outcome']}",
        "severity_id": severity,
        "severity": severity_name,
        "status_id": status,
        "status": status_name,
        "status_code": _text(error.get("type")),
        "status_detail": _text(error.get("message")),
        "duration": entry["duration_us"] // 1000 if "duration_us" in entry else None,
        "actor": _actor(entry, origin),
        "api": {"operation": str(entry["action"]), "service": _service(entry, origin, caller)},
        "src_endpoint": _endpoint(client or {}, caller),
        "metadata": _metadata(entry, origin),
        "unmapped": {"record": msgspec.json.encode(dict(entry)).decode()},
    }
    return {name: value for name, value in told.items() if value is not None}


def _actor(entry: Entry, origin: dict[str, Any]) -> dict[str, Any]:
    name = entry.get("actor")
    application = {"app_name": str(origin.get("application") or "signalpy")}
    return {"user": _user(str(name)), **application} if name else application


def _user(name: str) -> dict[str, Any]:
    """A person or program as this application knows it; what kind of account it has, a trail cannot tell."""
    account = {"name": name, "uid": name, "type_id": 99, "type": "application account"}
    return {"name": name, "uid": name, "type_id": 1, "type": "User", "account": account}


def _service(entry: Entry, origin: dict[str, Any], caller: str) -> dict[str, Any]:
    name = str(entry.get("target") or caller)
    return {"name": name, "uid": name, "version": str(origin.get("version") or "unknown")}


def _endpoint(client: dict[str, Any], caller: str) -> dict[str, Any]:
    address = client.get("ip")
    try:
        return {"ip": str(ip_address(address))} if isinstance(address, str) else {"svc_name": caller}
    except ValueError:
        return {"name": address, "svc_name": caller}


def _text(value: Any) -> str | None:
    """A text; what is encrypted or erased instead of one as its JSON."""
    return value if value is None or isinstance(value, str) else msgspec.json.encode(value).decode()


def _metadata(entry: Entry, origin: dict[str, Any]) -> dict[str, Any]:
    told = {
        "version": VERSION,
        "uid": entry["id"],
        "sequence": entry["seq"],
        "correlation_uid": entry.get("correlation_id"),
        "logged_time": _milliseconds(entry["recorded_at"]) if entry.get("recorded_at") else None,
        "original_time": entry["time"],
        "log_name": "audit-trail",
        "event_code": entry.get("schema") or entry["action"],
        "product": {
            "name": str(origin.get("application") or "signalpy"),
            "vendor_name": str(origin.get("distribution") or "SignalPy"),
            "version": str(origin.get("version") or "unknown"),
        },
    }
    return {name: value for name, value in told.items() if value is not None}


def _activity(entry: Entry, known: dict[str, tuple[int, str]]) -> tuple[int, str]:
    word = str(entry["action"]).rpartition(".")[2].lower().replace("-", "_")
    forms = (word, *(word.removesuffix(ending) for ending in _ENDINGS if word.endswith(ending)))
    return next((known[form] for form in forms if form in known), (99, "Other"))


def _milliseconds(moment: str) -> int:
    """Milliseconds since 1970, as OCSF has its times."""
    return int(datetime.fromisoformat(moment).timestamp() * 1000)
