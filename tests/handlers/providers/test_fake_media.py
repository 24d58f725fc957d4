"""Pictures and audio of the fake server are files that other programs read, as far as they say."""

from __future__ import annotations

import io
import wave

from PIL import Image

from flowray.handlers.providers.fake_media import heard, png, speech, video


def test_a_picture_is_a_picture() -> None:
    image = Image.open(io.BytesIO(png("a red lamp", 16, 8)))
    assert (image.format, image.size) == ("PNG", (16, 8))
    assert image.getpixel((0, 0)) == image.getpixel((15, 7))
    assert png("a red lamp", 2, 2) != png("a blue lamp", 2, 2)


def test_audio_carries_its_text() -> None:
    audio = speech("odd lamp!", "wav")
    with wave.open(io.BytesIO(audio)) as opened:
        assert opened.getnframes() / opened.getframerate() == 0.2
    assert heard(audio) == "odd lamp!"
    assert heard(speech("lamp", "mp3")) == "lamp"
    assert heard(b"noise").startswith("Something is said (5 bytes, ")
    assert video("lamp").endswith(b"freelamp")
