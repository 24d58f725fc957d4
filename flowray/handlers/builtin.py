"""The node types flowray comes with: one line each. To add one, write its module and list it here; nothing else."""

from __future__ import annotations

from flowray.handlers.agents.agent import AgentHandler
from flowray.handlers.agents.evaluator import EvaluatorHandler
from flowray.handlers.agents.guardrails import GuardrailsHandler
from flowray.handlers.ai.audio import AudioHandler
from flowray.handlers.ai.audio_input import AudioInputHandler
from flowray.handlers.ai.audio_output import AudioOutputHandler
from flowray.handlers.ai.audio_transcription import AudioTranscriptionHandler
from flowray.handlers.ai.embeddings import EmbeddingsHandler
from flowray.handlers.ai.image_generation import ImageGenerationHandler
from flowray.handlers.ai.llm import LlmHandler
from flowray.handlers.ai.router import RouterHandler
from flowray.handlers.ai.video_generation import VideoGenerationHandler
from flowray.handlers.ai.vision import VisionHandler
from flowray.handlers.data.aggregate import AggregateHandler
from flowray.handlers.data.code.handler import CodeHandler
from flowray.handlers.data.database.handler import DatabaseHandler
from flowray.handlers.documents.chart_generation import ChartGenerationHandler
from flowray.handlers.documents.ocr_extraction import OcrExtractionHandler
from flowray.handlers.documents.parse_document import ParseDocumentHandler
from flowray.handlers.documents.pdf_extract import PdfExtractHandler
from flowray.handlers.documents.pdf_generation import PdfGenerationHandler
from flowray.handlers.documents.spreadsheet_generation import SpreadsheetGenerationHandler
from flowray.handlers.documents.template_output import TemplateOutputHandler
from flowray.handlers.files.file_download import FileDownloadHandler
from flowray.handlers.files.file_operations import FileOperationsHandler
from flowray.handlers.files.file_read import FileReadHandler
from flowray.handlers.files.file_write import FileWriteHandler
from flowray.handlers.files.files import FilesHandler
from flowray.handlers.handler import NodeHandler
from flowray.handlers.integrations.integration import IntegrationHandler
from flowray.handlers.knowledge.ingest import KnowledgeBaseIngestHandler
from flowray.handlers.knowledge.query import KnowledgeBaseQueryHandler
from flowray.handlers.logic.conditional import ConditionalHandler
from flowray.handlers.logic.human_review import HumanReviewHandler
from flowray.handlers.logic.input import InputHandler
from flowray.handlers.logic.loop import LoopHandler
from flowray.handlers.logic.loop_control import BreakHandler, ContinueHandler
from flowray.handlers.logic.noop import NoopHandler
from flowray.handlers.logic.note import NoteHandler
from flowray.handlers.logic.output import OutputHandler
from flowray.handlers.logic.parallel import ParallelHandler
from flowray.handlers.logic.pause import PauseHandler
from flowray.handlers.logic.response import ResponseHandler
from flowray.handlers.logic.shared_memory import SharedMemoryHandler
from flowray.handlers.logic.subworkflow import SubworkflowHandler
from flowray.handlers.logic.switch import SwitchHandler
from flowray.handlers.logic.transform.handler import TransformHandler
from flowray.handlers.logic.trigger import TriggerHandler
from flowray.handlers.logic.variable import VariableHandler
from flowray.handlers.logic.variables import VariablesHandler
from flowray.handlers.logic.wait import WaitHandler
from flowray.handlers.mail.email import EmailHandler
from flowray.handlers.web.http import HttpHandler
from flowray.handlers.web.url import UrlHandler
from flowray.handlers.web.web_browse import WebBrowseHandler
from flowray.handlers.web.web_search import WebSearchHandler

_TYPES: tuple[type[NodeHandler], ...] = (
    InputHandler,
    TriggerHandler,
    OutputHandler,
    ResponseHandler,
    ConditionalHandler,
    SwitchHandler,
    RouterHandler,
    LoopHandler,
    ParallelHandler,
    BreakHandler,
    ContinueHandler,
    VariableHandler,
    VariablesHandler,
    SharedMemoryHandler,
    TransformHandler,
    AggregateHandler,
    CodeHandler,
    DatabaseHandler,
    WaitHandler,
    PauseHandler,
    HumanReviewHandler,
    SubworkflowHandler,
    HttpHandler,
    IntegrationHandler,
    UrlHandler,
    WebBrowseHandler,
    WebSearchHandler,
    EmailHandler,
    FilesHandler,
    FileReadHandler,
    FileWriteHandler,
    FileOperationsHandler,
    FileDownloadHandler,
    PdfExtractHandler,
    ParseDocumentHandler,
    TemplateOutputHandler,
    OcrExtractionHandler,
    ChartGenerationHandler,
    SpreadsheetGenerationHandler,
    PdfGenerationHandler,
    LlmHandler,
    AgentHandler,
    EvaluatorHandler,
    GuardrailsHandler,
    VisionHandler,
    EmbeddingsHandler,
    ImageGenerationHandler,
    AudioTranscriptionHandler,
    AudioInputHandler,
    AudioOutputHandler,
    AudioHandler,
    VideoGenerationHandler,
    KnowledgeBaseIngestHandler,
    KnowledgeBaseQueryHandler,
    NoteHandler,
    NoopHandler,
)


def builtin_handlers() -> list[NodeHandler]:
    """A new handler of each built-in type. Handlers are stateless, so one per process is enough."""
    return [handler() for handler in _TYPES]
