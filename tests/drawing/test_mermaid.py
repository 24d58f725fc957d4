from flowray.drawing.mermaid import to_mermaid
from tests.engine.plans import PlanMaker


def test_a_flowchart_has_nodes_labels_and_dotted_error_edges() -> None:
    plan = PlanMaker().branch("c", name="Is it?").node("a").node("e").edge("c true-> a", "c error-> e").build()
    assert to_mermaid(plan, {"c": "completed", "a": "running", "e": "pending"}) == (
        "flowchart TD\n"
        '  n0["Is it?<br/><small>test</small>"]\n'
        '  n1["a<br/><small>test</small>"]\n'
        '  n2["e<br/><small>test</small>"]\n'
        '  n0 -->|"true"| n1\n'
        '  n0 -.->|"error"| n2\n'
        "  classDef completed stroke:#1f8a4c,stroke-width:2px\n"
        "  class n0 completed\n"
        "  classDef running stroke:#1d6fd8,stroke-width:2px\n"
        "  class n1 running\n"
    )


def test_loops_are_subgraphs_and_empty_ones_hold_a_blank_node() -> None:
    plan = PlanMaker().loop("each").node("a", scope="each").loop("none").build()
    lines = to_mermaid(plan).splitlines()
    assert lines[1:] == [
        '  subgraph n0["each<br/><small>test</small>"]',
        '    n1["a<br/><small>test</small>"]',
        "  end",
        '  subgraph n2["none<br/><small>test</small>"]',
        "    n2e[ ]",
        "  end",
    ]


def test_text_cannot_end_a_label() -> None:
    text = to_mermaid(PlanMaker().node("a", name='x"] --> "y<script>\nend').build())
    assert '["x#quot;] --#gt; #quot;y#lt;script#gt; end<br/>' in text
