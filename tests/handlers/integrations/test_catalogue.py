"""Providers of files: of the package and of a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.integrations.catalogue import Catalogue
from tests.fakes.services import fake_services

HTTP = fake_services().http
OWN = "title: Mine\nbase_url: https://mine.example\noperations: {ping: {summary: Pings., path: /ping}}\n"


async def test_a_folder_adds_providers_and_replaces_those_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "acme_crm.yaml").write_text(OWN)
    (tmp_path / "slack.yml").write_text(OWN)
    (tmp_path / "notes.txt").write_text("no provider")
    found = Catalogue(HTTP, tmp_path)
    assert "acme-crm" in found
    assert "notes" not in found
    assert len(found) == len(Catalogue(HTTP)) + 1
    assert list(await found["slack"].operations()) == ["ping"]
    assert found["acme-crm"] is found["acme-crm"]
    assert found["acme-crm"].name == "acme-crm"


def test_a_wrong_file_is_named_when_it_is_asked_and_spoils_no_other(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("title: [")
    found = Catalogue(HTTP, tmp_path)
    assert found["slack"].name == "slack"
    with pytest.raises(FlowrayError, match="the manifest of broken is wrong") as caught:
        found["broken"]
    assert caught.value.code == ErrorCode.CONFIGURATION
    with pytest.raises(KeyError):
        found["nobody"]
