"""The rules and the keys of the trail that a command reads, as far as they are in reach."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signalpy.cli.options import options
from signalpy.errors import ConfigError
from signalpy_audit_trail.privacy.masking import REDACTED
from signalpy_audit_trail.privacy.rules import Rules, parse_rules
from signalpy_audit_trail.safe import had_keys, read_keys
from signalpy_audit_trail.store import StoreError, StoreReader
from signalpy_audit_trail.stores import keys_beside
from signalpy_audit_trail.vault.places import Places

if TYPE_CHECKING:
    from signalpy_audit_trail.drafting import Protection
    from signalpy_audit_trail.vault.vault import Vault


class KeysInReach:
    """What a command can know of the keys of one trail.

    :param url: the store.
    :ivar problem: why the keys that are there cannot be used, once that was tried.
    """

    def __init__(self, url: str, reader: StoreReader) -> None:
        self.url = url
        self.problem: str | None = None
        self._reader = reader
        self._table = _table_of(url)

    @cached_property
    def rules(self) -> Rules:
        """The rules that are configured for this trail."""
        return parse_rules(self._table.get("privacy", {}))

    @property
    def places(self) -> Places:
        """Where its keys are."""
        return Places(keys_folder(self.url), self.rules.hmac_secret, self.rules.key_encryption_key)

    @cached_property
    def vault(self) -> Vault | None:
        """The keys; ``None`` if there are none, or if they cannot be used."""
        try:
            return read_keys(self.rules, self.url, keys_folder(self.url))
        except (StoreError, ConfigError) as error:
            self.problem = str(error)
            return None

    @cached_property
    def hides_subjects(self) -> bool:
        """Whether this trail has subjects in a protected form, as far as its own records tell."""
        if self.vault is not None or self.problem is not None:
            return True
        return had_keys(self._reader)

    @property
    def protection(self) -> Protection | None:
        """What protects the records that a command writes."""
        if self.vault is None and self.rules.idle:
            return None
        from signalpy_audit_trail.privacy.protector import Protector

        return Protector(self.rules, self.vault)

    def shown(self, filters: Mapping[str, Any]) -> dict[str, Any]:
        """What may be recorded of filters: where the keys are not in reach, no name of whom the trail hides."""
        if filters.get("subject") is None or self.vault is not None or not self.hides_subjects:
            return dict(filters)
        return self.hidden(filters)

    def hidden(self, filters: Mapping[str, Any]) -> dict[str, Any]:
        """The filters as the record of the access has them in the end, for what leaves with the export."""
        if filters.get("subject") is None or not self.hides_subjects:
            return dict(filters)
        from signalpy_audit_trail.privacy.protector import shown_filters

        return shown_filters(filters, REDACTED if self.vault is None else self.vault.hashed(filters["subject"]))

    def close(self) -> None:
        """Close the keys, if they were opened."""
        vault = self.__dict__.get("vault")
        if vault is not None and vault.database.path is not None:
            vault.close()


def keys_folder(url: str) -> Path | None:
    """The folder of the keys of a trail: as configured, if that trail is configured, else beside it."""
    configured = _table_of(url).get("keys")
    return Path(configured) if isinstance(configured, str) and configured else keys_beside(url)


def _table_of(url: str) -> Mapping[str, Any]:
    table = options().configuration.tables.get("audit-trail", {})
    return table if table.get("store") in (None, url) else {}
