"""Commands for knowledge bases: make, fill, ask and delete them. They talk to a server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flowray.cli.options import DEFAULT_URL, Format, Url
from flowray.cli.outcome import finish
from flowray.cli.output import output_of
from flowray.client.sync_client import Client

BASE_COLUMNS = ("id", "name", "model", "dimensions", "updated_at")
PASSAGE_COLUMNS = ("similarity", "document_name", "chunk_index", "content")

BaseId = Annotated[str, typer.Argument(metavar="BASE", help="The base, as nodes name it.")]

app = typer.Typer(no_args_is_help=True, help="Make, fill and ask knowledge bases.")


@app.command("list")
def list_(ctx: typer.Context, url: Url = DEFAULT_URL, format: Format = None) -> None:
    """List knowledge bases.

    Example: flowray knowledge list
    """
    output = output_of(ctx)
    with Client(url) as client:
        output.rows([base.model_dump(mode="json") for base in client.knowledge.list(limit=200).data], BASE_COLUMNS)


@app.command("create")
def create(
    ctx: typer.Context,
    base: BaseId,
    name: Annotated[str, typer.Option("--name", help="For people.")] = "",
    provider: Annotated[str, typer.Option("--provider", help="Who makes the vectors.")] = "",
    model: Annotated[str, typer.Option("--model", help="Embedding model.")] = "",
    url: Url = DEFAULT_URL,
    format: Format = None,
) -> None:
    """Create a base; one that is there stays as it is.

    Example: flowray knowledge create manuals --model text-embedding-3-small
    """
    output = output_of(ctx)
    with Client(url) as client:
        made = client.knowledge.create(base, name=name, provider=provider, model=model)
        output.document(made.model_dump(mode="json"))


@app.command("ingest")
def ingest(
    ctx: typer.Context,
    base: BaseId,
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="Text files in UTF-8.")],
    url: Url = DEFAULT_URL,
    format: Format = None,
) -> None:
    """Put text files into a base and wait until they are there; a file replaces the document of its name.

    Example: flowray knowledge ingest manuals lamp.md chair.md
    """
    output = output_of(ctx)
    documents = {file.name: file.read_text(encoding="utf-8") for file in files}
    with Client(url) as client:
        started = client.knowledge.ingest(base, documents)
        finish(output, client.wait(started.id).model_dump(mode="json"))


@app.command("query")
def query(
    ctx: typer.Context,
    base: BaseId,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What is looked for, in words.")],
    top_k: Annotated[int, typer.Option("--top-k", min=1, max=100, help="Passages at most.")] = 5,
    url: Url = DEFAULT_URL,
    format: Format = None,
) -> None:
    """Show the passages that are nearest to a question.

    Example: flowray knowledge query manuals "What colour is the lamp?"
    """
    output = output_of(ctx)
    with Client(url) as client:
        found = client.knowledge.query(base, text, top_k=top_k)
        output.rows([passage.model_dump(mode="json") for passage in found.results], PASSAGE_COLUMNS)


@app.command("delete")
def delete(ctx: typer.Context, base: BaseId, url: Url = DEFAULT_URL, format: Format = None) -> None:
    """Delete a base with all its documents.

    Example: flowray knowledge delete manuals
    """
    output = output_of(ctx)
    with Client(url) as client:
        client.knowledge.delete(base)
    output.document({"deleted": base})
