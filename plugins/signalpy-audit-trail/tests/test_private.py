from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from signalpy_audit_trail.private import make_folder, open_private


def test_files_and_folders_are_private_whatever_the_mask(tmp_path: Path) -> None:
    """A permissive umask makes nothing readable for others."""
    before = os.umask(0)
    try:
        make_folder(tmp_path / "a" / "b")
        os.close(open_private(tmp_path / "a" / "b" / "c", os.O_RDWR | os.O_CREAT))
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / place).stat().st_mode) for place in ("a/b", "a/b/c")]
    assert [0o700, 0o600] == modes


def test_a_folder_that_exists_stays_as_it_is(tmp_path: Path) -> None:
    """Rights that an operator has given are the operator's."""
    (tmp_path / "a").mkdir(mode=0o750)
    make_folder(tmp_path / "a")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o750


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of others")
def test_what_root_makes_belongs_to_the_owner_of_the_folder(tmp_path: Path) -> None:
    """A command that root runs leaves no file behind that the trail's owner cannot write."""
    os.chown(tmp_path, 1234, 1235)
    os.close(open_private(tmp_path / "file", os.O_RDWR | os.O_CREAT))
    make_folder(tmp_path / "folder", like_parent=True)
    owners = [(status.st_uid, status.st_gid) for status in ((tmp_path / x).stat() for x in ("file", "folder"))]
    assert [(1234, 1235)] * 2 == owners
