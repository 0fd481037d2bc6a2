"""The keys and the rules of one trail, opened for those who write it or read it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from signalpy_audit_trail.leaves import decoded
from signalpy_audit_trail.privacy.rules import WITH_KEYS, Rules
from signalpy_audit_trail.query import Filters
from signalpy_audit_trail.store import StoreError, StoreReader
from signalpy_audit_trail.stores import keys_beside
from signalpy_audit_trail.vault.places import Places

if TYPE_CHECKING:  # imported where there is something to protect: cryptography is no small thing
    from signalpy import Operation
    from signalpy_audit_trail.privacy.logs import LogMask
    from signalpy_audit_trail.privacy.protector import Protector
    from signalpy_audit_trail.vault.vault import Vault

_log = logging.getLogger("signalpy.audit_trail.privacy")

_MEMORY: Final = "memory:"
_STARTED: Final = Filters(type="audit-trail.started")
_in_memory: dict[str, Vault] = {}
_opening = threading.Lock()


class Safe(NamedTuple):
    """What privacy needs.

    :param protector: ``None`` where everything is stored as it is.
    :param vault: ``None`` where there are no keys.
    :param logs: keeps protected values out of log lines.
    """

    protector: Protector | None = None
    vault: Vault | None = None
    logs: LogMask | None = None

    def open_logs(self, *names: str) -> None:
        """Keep protected values out of the lines of more loggers."""
        if self.logs is not None:
            self.logs.attach(names)

    def remember(self, operation: Operation, error: BaseException) -> None:
        """Take note of an exception out of an operation of which no record is made."""
        if self.protector is not None:
            from signalpy_audit_trail.privacy.underway import remember

            remember(self.protector, operation, error)

    def close(self) -> None:
        """Let go of the loggers, and close the vault, unless it is one in memory, which others may find again."""
        if self.logs is not None:
            self.logs.detach()
        if self.vault is not None and self.vault.database.path is not None:
            self.vault.close()


def open_safe(rules: Rules, url: str, folder: Path | None) -> Safe:
    """Open what a writer of a trail needs; keys are made where a rule asks for them and there are none.

    :param folder: of the keys, as configured.
    :raises SecretError: a secret is missing, damaged, or not the one that the vault was made with.
    :raises VaultError: the vault cannot be opened, or there is no place for one.
    """
    vault = _vault(rules, url, folder)
    if rules.idle and vault is None:
        return Safe()
    from signalpy_audit_trail.privacy.logs import LogMask
    from signalpy_audit_trail.privacy.protector import Protector

    protector = Protector(rules, vault, _log.warning)
    logs = LogMask(protector)
    logs.attach()
    return Safe(protector, vault, logs)


def read_keys(rules: Rules, url: str, folder: Path | None) -> Vault | None:
    """Open the keys of a trail for somebody who reads it; ``None`` if there are none in reach.

    :raises SecretError, VaultError: they are there, and cannot be opened.
    """
    if url.startswith(_MEMORY):
        return _in_memory.get(url)
    places = _places(rules, url, folder)
    try:
        if not places.exists:
            return None
    except PermissionError:
        return None
    from signalpy_audit_trail.vault.opening import read_vault

    return read_vault(places)


def had_keys(reader: StoreReader) -> bool:
    """Whether a trail was last started with rules that need keys, as far as its own records tell.

    :raises StoreError: the log cannot be read.
    """
    found = reader.search(_STARTED, head=reader.size(), after=None, descending=True, limit=1)
    return any(_rules_ask_for_keys(decoded(leaf, reader.url)) for leaf in found)


def greet(vault: Vault, reader: StoreReader) -> None:
    """Let the vault know that it is that of a log; a new one for a log that had another is told as a warning.

    :raises StoreError: the log cannot be read.
    """
    fact = f"log {reader.origin}"
    if vault.fact(fact) is not None:
        return
    if had_keys(reader):
        _log.warning(
            "%s is new, and the trail had another before: what was encrypted or tokenized cannot be read. Put a copy"
            " of the old one in its place, together with its secrets",
            vault.database.path or "the vault of keys",
        )
    with suppress(StoreError):  # one that may only be read is not told
        vault.learn(fact, "known")


def _rules_ask_for_keys(started: Mapping[str, Any]) -> bool:
    try:
        rules = started["data"]["settings"]["privacy"]["rules"]
        return any(rule["action"] in WITH_KEYS for rule in rules)
    except (KeyError, TypeError):
        return False


def _vault(rules: Rules, url: str, folder: Path | None) -> Vault | None:
    places = _places(rules, url, folder)
    if places.folder is None and url.startswith(_MEMORY):
        return _vault_in_memory(url, places) if rules.need_keys or url in _in_memory else None
    if not rules.need_keys and not places.exists:
        return None
    from signalpy_audit_trail.vault.opening import open_vault

    return open_vault(places)


def _vault_in_memory(url: str, places: Places) -> Vault:
    from signalpy_audit_trail.vault.opening import memory_vault

    if url == _MEMORY:
        return memory_vault(places)
    with _opening:
        if url not in _in_memory:
            _in_memory[url] = memory_vault(places)
        return _in_memory[url]


def _places(rules: Rules, url: str, folder: Path | None) -> Places:
    return Places(folder or keys_beside(url), rules.hmac_secret, rules.key_encryption_key)
