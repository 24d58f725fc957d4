import re
from xml.etree import ElementTree

import pytest

from flowray.drawing.labels import STATUSES
from flowray.drawing.svg import SIGNS, to_svg
from flowray.drawing.view import layout_view
from tests.drawing.test_layout import nested
from tests.engine.plans import PlanMaker

SVG = "{http://www.w3.org/2000/svg}"


def classes(svg: str, attribute: str) -> dict[str, str]:
    tree = ElementTree.fromstring(svg)
    return {
        found.attrib[attribute]: found.attrib["class"] for found in tree.iter(f"{SVG}g") if attribute in found.attrib
    }


def test_it_is_well_formed_and_loads_nothing() -> None:
    svg = to_svg(nested(), {"in": "completed"})
    assert ElementTree.fromstring(svg).attrib["role"] == "img"
    assert re.findall(r"https?://[^\"' <]+", svg) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"<script|<image|<foreignObject|@import|url\(|\son\w+=", svg)


def test_authors_text_is_escaped() -> None:
    hostile = '"><script>alert(1)</script>&'
    plan = PlanMaker().node(hostile, type=hostile, name="</style><b>").node("b")
    plan.edges[""].clear()
    svg = to_svg(plan.edge("b </text>-> b").build(), {hostile: "running"}, badges={hostile: hostile})
    tree = ElementTree.fromstring(svg)
    assert not [found for found in tree.iter() if found.tag in (f"{SVG}script", f"{SVG}b")]
    assert classes(svg, "data-node")[hostile] == "fr-node running"


def test_nodes_carry_their_status_and_what_was_not_heard_of_is_pending() -> None:
    svg = to_svg(nested(), {"in": "completed", "each": "running", "fetch": "failed"}, badges={"each": "3/10"})
    found = classes(svg, "data-node")
    assert (found["in"], found["each"], found["sum"]) == ("fr-node completed", "fr-group running", "fr-node pending")
    assert ">3/10</text>" in svg
    assert "<desc>running, 3/10</desc>" in svg


def test_no_state_is_told_by_colour_alone() -> None:
    assert set(SIGNS) == set(STATUSES)
    assert len(set(SIGNS.values())) == len(SIGNS)


def test_the_legend_names_the_statuses_that_occur() -> None:
    tree = ElementTree.fromstring(to_svg(nested(), {"in": "completed", "each": "running"}))
    (legend,) = [found for found in tree.iter(f"{SVG}g") if found.attrib.get("class") == "fr-legend"]
    assert [text.text for text in legend.iter(f"{SVG}text")] == ["pending", "running", "completed"]


def test_a_plan_without_states_has_no_signs_and_no_legend() -> None:
    svg = to_svg(nested())
    assert 'fr-sign"' not in svg
    assert 'class="fr-legend"' not in svg
    assert classes(svg, "data-node")["in"] == "fr-node "


def test_edges_that_were_taken_and_those_that_died_differ() -> None:
    plan = (
        PlanMaker().branch("c").node("a").node("b").node("e").edge("c true-> a", "c false-> b", "c error-> e").build()
    )
    svg = to_svg(plan, {"c": "completed", "a": "running", "b": "skipped", "e": "skipped"})
    assert list(classes(svg, "data-edge").values()) == ["fr-edge flow taken", "fr-edge flow dead", "fr-edge error dead"]
    given = to_svg(plan, {"c": "completed"}, taken=[plan.scopes[""].edges[1].id])
    assert list(classes(given, "data-edge").values()) == ["fr-edge flow", "fr-edge flow taken", "fr-edge error"]


def test_a_screen_reader_hears_the_nodes_with_their_states() -> None:
    plan = PlanMaker().node("a", name="First").node("b").build()
    tree = ElementTree.fromstring(to_svg(plan, {"a": "failed"}))
    assert tree.find(f"{SVG}title").text == "Workflow"
    assert tree.find(f"{SVG}desc").text == "2 nodes: First failed, b pending."


def test_a_layout_made_before_is_used_again() -> None:
    plan = nested()
    assert to_svg(plan, view=layout_view(plan)) == to_svg(plan)


def test_an_unknown_status_is_refused() -> None:
    with pytest.raises(ValueError, match="'bored' is not a status of a node"):
        to_svg(nested(), {"in": "bored"})
