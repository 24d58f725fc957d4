"""Stimuli cross process borders as tagged JSON."""

from __future__ import annotations

import msgspec

from flowray.engine import stimuli as st
from flowray.engine.signals import Signals


def test_round_trip() -> None:
    sent = [
        st.Start(ts=1, inputs={"a": 1}),
        st.AttemptSucceeded(ts=2, instance="a", attempt=1, output=[1], signals=Signals(selected_routes=("x",))),
        st.CancelRequested(ts=3, reason="no"),
        st.Recovered(ts=4, epoch=2),
    ]
    assert msgspec.json.decode(msgspec.json.encode(sent), type=list[st.AnyStimulus]) == sent
