"""Graphs like those that scientists run: who waits for whom, and how long each task takes. Nothing runs here.

Structure and the range of each kind's run time are facts from the WfCommons project (https://wfcommons.org: the
instances of WfInstances, the ``task_type_stats.json`` of each recipe of WfChef) and, for Montage and Epigenomics, from
Juve et al., "Characterizing and profiling scientific workflows", FGCS 29 (2013). Within its range a run time is drawn
log-uniformly, which is ours: the published fits are of single platforms. Each graph is the same in every run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from random import Random

from benchmarks.list_schedule import Dag, Task, list_schedule

Range = tuple[float, float]
"""Seconds, least and most."""

LEAST_S = 0.01
"""Where the published minimum is zero."""

MONTAGE: Mapping[str, Range] = {
    "mProject": (LEAST_S, 1263.5), "mDiffFit": (LEAST_S, 46.5), "mConcatFit": (0.131, 12.4), "mBgModel": (0.388, 110.5),
    "mBackground": (0.117, 114.1), "mImgtbl": (LEAST_S, 1.76), "mAdd": (LEAST_S, 23.2), "mViewer": (LEAST_S, 68.4),
}  # fmt: skip
BLAST: Mapping[str, Range] = {
    "split_fasta": (0.052, 3.16), "blastall": (8.12, 1799.6), "cat_blast": (0.035, 16.7), "cat": (LEAST_S, 0.022),
}  # fmt: skip
EPIGENOMICS: Mapping[str, Range] = {
    "fastqSplit": (1.34, 878.5), "filterContams": (0.067, 47.4), "sol2sanger": (0.024, 28.6), "fast2bfq": (0.033, 10.5),
    "map": (24.8, 122.6), "mapMerge": (1.57, 37.3), "chr21": (2.1, 120.3), "pileup": (23.1, 99.6),
}  # fmt: skip
SEISMOLOGY: Mapping[str, Range] = {"sG1IterDecon": (0.087, 5.62), "siftSTFByMisfit": (0.089, 1.35)}


class Drawing:
    """A graph in the making: numbers its tasks and draws how long they take."""

    def __init__(self, ranges: Mapping[str, Range], seed: str) -> None:
        self.tasks: list[Task] = []
        self._ranges = ranges
        self._random = Random(seed)

    def add(self, kind: str, after: Iterable[str] = ()) -> str:
        """One more task; returns its id."""
        least, most = self._ranges[kind]
        seconds = math.exp(self._random.uniform(math.log(least), math.log(most)))
        task = Task(f"{kind}_{len(self.tasks):04d}", max(round(seconds * 1_000), 1), tuple(after))
        self.tasks.append(task)
        return task.id


def montage(size: int) -> Dag:
    """Mosaics of the sky, one per colour band, and a picture of all: every image is projected; every pair that overlaps
    is compared; one model of the background is made of all pairs; it corrects every image; a table, the sum, a picture.
    """
    bands = 3 if size >= 100 else 1
    room = (size - 1) // bands - 5
    images = 2
    while 2 * (images + 1) + len(_overlaps(images + 1)) <= room:
        images += 1
    dag = Drawing(MONTAGE, f"montage {size}")
    sums = []
    for _ in range(bands):
        projected = [dag.add("mProject") for _ in range(images)]
        fits = [dag.add("mDiffFit", (projected[one], projected[other])) for one, other in _overlaps(images)]
        model = dag.add("mBgModel", [dag.add("mConcatFit", fits)])
        corrected = [dag.add("mBackground", (image, model)) for image in projected]
        table = dag.add("mImgtbl", corrected)
        sums.append(dag.add("mAdd", [*corrected, table]))
        dag.add("mViewer", [sums[-1]])
    dag.add("mViewer", sums)
    return dag.tasks


def _overlaps(images: int) -> list[tuple[int, int]]:
    """Images that lie in a square overlap with the next, with the one below and with one across: three pairs each."""
    width = max(math.isqrt(images), 1)
    pairs = []
    for image in range(images):
        has_right = (image + 1) % width != 0
        for neighbour, exists in ((image + 1, has_right), (image + width, True), (image + width + 1, has_right)):
            if exists and neighbour < images:
                pairs.append((image, neighbour))
    return pairs


def blast(size: int) -> Dag:
    """A search in a database of genes: split, search every part, join the answers and join the complaints."""
    dag = Drawing(BLAST, f"blast {size}")
    split = dag.add("split_fasta")
    searches = [dag.add("blastall", [split]) for _ in range(size - 3)]
    dag.add("cat_blast", searches)
    dag.add("cat", searches)
    return dag.tasks


def epigenomics(size: int) -> Dag:
    """Sequencer lanes, each split into parts that go through four steps one after the other; merged per lane, then over
    all lanes; two steps with the whole.
    """
    lanes = 1 + size // 250
    parts = max((size - 3 - 2 * lanes) // (4 * lanes), 1)
    dag = Drawing(EPIGENOMICS, f"epigenomics {size}")
    merged = []
    for _ in range(lanes):
        split = dag.add("fastqSplit")
        mapped = []
        for _ in range(parts):
            step = split
            for kind in ("filterContams", "sol2sanger", "fast2bfq", "map"):
                step = dag.add(kind, [step])
            mapped.append(step)
        merged.append(dag.add("mapMerge", mapped))
    dag.add("pileup", [dag.add("chr21", [dag.add("mapMerge", merged)])])
    return dag.tasks


def seismology(size: int) -> Dag:
    """Pairs of seismograms, each deconvolved by itself; one task sifts the results."""
    dag = Drawing(SEISMOLOGY, f"seismology {size}")
    dag.add("siftSTFByMisfit", [dag.add("sG1IterDecon") for _ in range(size - 1)])
    return dag.tasks


RECIPES: Mapping[str, Callable[[int], Dag]] = {
    "montage": montage,
    "blast": blast,
    "epigenomics": epigenomics,
    "seismology": seismology,
}
"""Name → graph of at most so many tasks."""


def scaled(dag: Dag, slots: int, makespan_ms: int) -> Dag:
    """The same graph, all times shortened or lengthened alike until its list schedule takes about ``makespan_ms``.

    No task takes less than 1 ms.
    """
    factor = makespan_ms / list_schedule(dag, slots).makespan_ms
    return [Task(task.id, max(round(task.ms * factor), 1), task.after) for task in dag]
