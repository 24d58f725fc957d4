"""The page's files are served where no route is; everything else stays a problem."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from flowray.api.context import ApiOptions


@pytest.fixture
def options(tmp_path: Path) -> ApiOptions:
    page = tmp_path / "page"
    page.mkdir()
    (page / "index.html").write_text("<title>flowray</title>")
    (page / "app.js").write_text("let x")
    (tmp_path / "secret.txt").write_text("no")
    return ApiOptions(page_dir=page)


async def test_the_page_and_its_files(http: httpx.AsyncClient) -> None:
    index = await http.get("/")
    assert (index.status_code, index.text) == (200, "<title>flowray</title>")
    assert (await http.get("/app.js")).headers["content-type"].startswith("text/javascript")
    assert (await http.head("/")).status_code == 200


@pytest.mark.parametrize("path", ["/nothing.js", "/%2e%2e/secret.txt", "/v1", "/v1/app.js", "/v1/../app.css"])
async def test_anything_else_is_404(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_the_page_is_only_read(http: httpx.AsyncClient) -> None:
    assert (await http.post("/")).status_code == 404
