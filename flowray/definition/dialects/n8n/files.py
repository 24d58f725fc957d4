"""n8n's nodes for files, texts and documents → those here. A file itself is not carried from node to node."""

from __future__ import annotations

from flowray.definition.dialects.n8n.source import Source, Typed

FORMATS = {
    "pdf": "pdf",
    "csv": "csv",
    "xls": "xlsx",
    "xlsx": "xlsx",
    "html": "html",
    "text": "txt",
    "fromJson": "json",
}


def html(source: Source) -> Typed | None:
    node = source.node
    if node.text("operation", "generateHtmlTemplate") != "generateHtmlTemplate":
        return None
    written = node.text("html")
    text = source.texts.text(written if written.startswith("=") else f"={written}")
    return "transform", {"operation": "template", "template": {"html": text}}


def markdown(source: Source) -> Typed | None:
    if source.node.text("mode", "htmlToMarkdown") != "markdownToHtml":
        return None
    template = source.texts.value(source.node.params.get("markdown") or "")
    return "templateOutput", {"outputName": source.node.id, "template": template, "outputFormat": "html"}


def extract(source: Source) -> Typed | None:
    node = source.node
    operation = node.text("operation", "csv")
    if operation not in FORMATS:
        return None
    file = source.texts.value("={{ $json }}")
    if operation == "pdf":
        return "pdfExtract", {"file": file}
    return "parseDocument", {"file": file, "format": FORMATS[operation] if operation != "fromJson" else "auto"}


def convert(source: Source) -> Typed | None:
    node, items = source.node, source.lists[0] if source.lists else "{{null}}"
    name = source.texts.value(node.options.get("fileName") or f"{node.id}.{node.text('operation', 'csv')}")
    match node.text("operation", "csv"):
        case "csv" | "xls" | "xlsx":
            return "spreadsheetGeneration", {
                "data": items,
                "format": node.text("operation", "csv").replace("xls", "xlsx")[:4],
                "filename": name,
            }
        case "toJson" | "toText" | "html":
            content = (
                source.texts.value("={{ $json." + node.text("sourceProperty") + " }}")
                if node.text("sourceProperty")
                else items
            )
            return "fileWrite", {"path": name, "content": content}
    return None


def files(source: Source) -> Typed:
    node = source.node
    path = source.texts.value(
        node.params.get("fileSelector") or node.params.get("filePath") or node.params.get("fileName") or ""
    )
    if node.kind == "writeBinaryFile" or node.text("operation") == "write":
        return "fileWrite", {"path": path, "content": source.texts.value("={{ $json }}")}
    return "fileRead", {"path": path}
