"""Images that models make, as the nodes that draw put them out. No node type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flowray.handlers.ai.asking import TargetConfig, target_of
from flowray.handlers.ai.completion import usage_view
from flowray.handlers.ai.media import made_file
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.model_calls import ImageRequest, Medium
from flowray.values import Json


async def draw(
    node: NodeInput,
    config: TargetConfig,
    prompt: str,
    options: Mapping[str, Any],
    *,
    operation: str,
    inline: bool,
    sources: Sequence[Medium] = (),
) -> NodeResult:
    """Ask for images and keep them. ``options`` that are None stay out: not every model knows every one."""
    given = {name: value for name, value in options.items() if value is not None}
    if given.get("n") == 1:
        del given["n"]
    began = node.now_ms()
    made = await node.services.models.generate_images(ImageRequest(prompt, target_of(config), sources, given))
    images: list[dict[str, Json]] = []
    for image, revised in zip(made.images, made.revised_prompts, strict=True):
        view = await made_file(node, image, "images", inline=inline)
        images.append({**view, "revisedPrompt": revised} if revised else view)
    data = {
        "operation": operation, "provider": made.provider, "model": made.model, "images": images,
        "usage": usage_view(made.usage),
        "metadata": {**given, "count": len(images), "processingTime": node.now_ms() - began},
    }  # fmt: skip
    return NodeResult(data=data, usage=made.usage)
