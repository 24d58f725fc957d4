from flowray.drawing.dot import to_dot
from tests.engine.plans import PlanMaker


def test_a_digraph_has_clusters_labels_and_colours() -> None:
    maker = PlanMaker().node("in").loop("each", name="Each").node("a", scope="each").node("e")
    text = to_dot(maker.edge("in -> each", "each error-> e").build(), {"in": "completed"})
    assert '  n0 [label="in\\ntest", color=forestgreen, penwidth=2];' in text
    assert '  subgraph cluster_n1 {\n    label="Each"; style=dashed; n1 [label="Each\\ntest"];' in text
    assert '  n1 -> n3 [label="error", color=red3, style=dashed];' in text
    assert "  n1 -> n2 [style=bold, color=gray60];" in text
    assert text.count("{") == text.count("}")


def test_quotes_and_backslashes_stay_inside_the_string() -> None:
    text = to_dot(PlanMaker().node("a", name='say "hi" \\').build())
    assert 'label="say \\"hi\\" \\\\\\ntest"' in text
