"""The graphs have the structure that is published for them, in every size, and are the same in every run."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from benchmarks.dag_recipes import RECIPES, blast, epigenomics, montage, scaled, seismology
from benchmarks.list_schedule import Dag, critical_path_ms, depths, list_schedule, work_ms


def kind_of(task_id: str) -> str:
    return task_id.rpartition("_")[0]


def kinds(dag: Dag) -> Counter[str]:
    return Counter(kind_of(task.id) for task in dag)


def feeders(dag: Dag) -> dict[str, set[str]]:
    """Kind → kinds that it waits for."""
    found: dict[str, set[str]] = defaultdict(set)
    for task in dag:
        found[kind_of(task.id)] |= {kind_of(feeder) for feeder in task.after}
    return found


@pytest.mark.parametrize("size", [50, 300, 1_000, 2_000])
@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_graph_comes_close_to_its_size_and_never_changes(name: str, size: int) -> None:
    dag = RECIPES[name](size)
    assert 0.9 * size <= len(dag) <= size
    assert dag == RECIPES[name](size)
    assert len({task.id for task in dag}) == len(dag)


def test_montage() -> None:
    """Nine images in a square of three: twelve that touch, four across."""
    dag = montage(40)
    assert kinds(dag) == {
        "mProject": 9, "mDiffFit": 16, "mConcatFit": 1, "mBgModel": 1, "mBackground": 9, "mImgtbl": 1, "mAdd": 1,
        "mViewer": 2,
    }  # fmt: skip
    assert feeders(dag) == {
        "mProject": set(), "mDiffFit": {"mProject"}, "mConcatFit": {"mDiffFit"}, "mBgModel": {"mConcatFit"},
        "mBackground": {"mProject", "mBgModel"}, "mImgtbl": {"mBackground"}, "mAdd": {"mBackground", "mImgtbl"},
        "mViewer": {"mAdd"},
    }  # fmt: skip
    assert max(depths(dag).values()) == 8
    assert kinds(montage(300))["mConcatFit"] == 3


def test_blast() -> None:
    dag = blast(50)
    assert kinds(dag) == {"split_fasta": 1, "blastall": 47, "cat_blast": 1, "cat": 1}
    assert feeders(dag) == {
        "split_fasta": set(), "blastall": {"split_fasta"}, "cat_blast": {"blastall"}, "cat": {"blastall"},
    }  # fmt: skip


def test_epigenomics() -> None:
    """Two lanes of 36 parts each."""
    dag = epigenomics(300)
    assert kinds(dag) == {
        "fastqSplit": 2, "filterContams": 72, "sol2sanger": 72, "fast2bfq": 72, "map": 72, "mapMerge": 3, "chr21": 1,
        "pileup": 1,
    }  # fmt: skip
    assert feeders(dag)["mapMerge"] == {"map", "mapMerge"}
    assert max(depths(dag).values()) == 9


def test_seismology() -> None:
    dag = seismology(103)
    assert kinds(dag) == {"sG1IterDecon": 102, "siftSTFByMisfit": 1}
    assert len(dag[-1].after) == 102


def test_run_times_lie_in_the_published_range() -> None:
    assert all(24_800 <= task.ms <= 122_600 for task in epigenomics(2_000) if kind_of(task.id) == "map")


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_scaling_changes_times_and_nothing_else(name: str) -> None:
    """To within the rounding to whole milliseconds."""
    dag = RECIPES[name](300)
    found = scaled(dag, 32, 10_000)
    assert [(task.id, task.after) for task in found] == [(task.id, task.after) for task in dag]
    assert list_schedule(found, 32).makespan_ms == pytest.approx(10_000, rel=0.01)
    assert work_ms(found) / critical_path_ms(found) == pytest.approx(work_ms(dag) / critical_path_ms(dag), rel=0.02)
