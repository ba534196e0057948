"""Our lists beside other completers, keystroke for keystroke.

    python run_demo.py --prepare-only --home DIR --queries TRAIN
    .venv/bin/pip install -r tests/requirements-benchmarks.txt
    python -m tests.benchmarks.autosuggest_quality --home DIR --train TRAIN --dev DEV [--json FILE] [--plots DIR]

DIR is a home that was prepared from TRAIN; DEV holds later searches. All systems see the same prefixes in the same
run (`training.evaluation.keystroke_protocol`), and no clock stops ours. `online` is ours learning as it goes: a
search is known a minute later, and a text that the version's history does not know once k shoppers completed it.
`session` knows the shopper's own earlier searches at once, `profile` also what is folded from all of them; their gain
is also given without searches that repeat one of the last minute, which in a log of clicks nobody typed again. Files
without times or users have neither. The peers are those of `tests.benchmarks.completion_peers`; ours without what it
learns online is compared with peers that do not either.
"""

import argparse
import json
import math
import tempfile
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import track
from rich.table import Table

from config.progress import Steps
from core.domain import Action, Engagement, PreviousQuery, Suggestion, SuggestQuery
from core.personalization.crowd import Crowd
from core.personalization.profile import Profile
from core.personalization.shopper import Shopper
from core.retrieval.live import LiveIndex
from core.services.bundle import Bundle, load_bundle
from core.services.gathered import Gathered, Now
from core.services.suggest import DIVERSITY, SuggestService
from core.text.normalize import normalize
from tests.benchmarks.completion_peers import DELAY_SECONDS, HALF_LIFE_SECONDS, asked, completers, learning_online
from training.evaluation.keystroke_protocol import (
    SCORES,
    Search,
    Trial,
    alpha_ndcg,
    beside_best,
    calibration,
    difference_by_query,
    measures,
    mistyped,
    ranks_of,
    read_searches,
    reciprocal,
    success,
    trials_of,
    with_history,
)

Lines = tuple[Suggestion, ...]
Lists = list[list[str]]

STATIC, ONLINE_PEER = "ours: static", "MPC, learning online"
OURS: Mapping[str, tuple[int | None, bool, bool]] = {  # k where it learns online; does it know session, profile
    STATIC: (None, False, False),
    "ours: static + session": (None, True, False),
    "ours: static + session + profile": (None, True, True),
    "ours: online k=1": (1, False, False),
    "ours: online k=5": (5, False, False),
    "ours: online k=1 + session": (1, True, False),
    "ours: online k=1 + session + profile": (1, True, True),
}
SESSION_PAIRS = (
    ("ours: static + session", STATIC),
    ("ours: static + session + profile", STATIC),
    ("ours: static + session + profile", "ours: static + session"),
    ("ours: online k=1 + session", "ours: online k=1"),
    ("ours: online k=1 + session + profile", "ours: online k=1"),
    ("ours: online k=1 + session + profile", "ours: online k=1 + session"),
)
DIVERSITIES = (0.0, 0.05, 0.1, 0.15, 0.25, 0.4, 0.6)
_SHORT = 3  # characters up to which the diversity of lists is measured
_PREVIOUS_AT_MOST = 10  # as the service keeps
_NO_TIME = datetime(2000, 1, 1, tzinfo=UTC)


class Ours:
    """Our lists from one bundle. What the sources found for a prefix is kept, for it never changes."""

    def __init__(self, bundle: Bundle, diversity: float = DIVERSITY, like: "Ours | None" = None) -> None:
        """`like`: one of the same bundle, whose findings are shared."""
        self.bundle, self._service = bundle, SuggestService(bundle, diversity)
        self._gathered: dict[str, Gathered] = {} if like is None else like._gathered

    def lines(self, prefix: str, previous: tuple[PreviousQuery, ...] = (), now: Now | None = None) -> Lines:
        """The list for `prefix` after the `previous` queries of its shopper, newest first."""
        query = SuggestQuery(prefix, previous=previous)
        return self._service.finish(self._found(prefix), query, now or Now(at=_NO_TIME)).suggestions

    def pool(self, prefix: str) -> Iterable[int]:
        """Of each category, how many candidates the list for `prefix` is chosen from."""
        candidates = self._found(prefix).pool.candidates.values()
        return Counter(candidate.category for candidate in candidates if candidate.category is not None).values()

    def over_time(
        self,
        before: Sequence[Search],
        trials: Sequence[Trial],
        shoppers: int | None,
        session: bool,
        profiled: bool,
        name: str,
    ) -> list[Lines]:
        """The list of each trial; `shoppers` None: nothing is learnt on the way. `before` are the users' histories."""
        live = None if shoppers is None else LiveIndex(HALF_LIFE_SECONDS)
        ways: defaultdict[str, Counter[str]] = defaultdict(Counter)
        forms: dict[str, str] = {}
        held, who = defaultdict[str, list[float]](list), defaultdict[str, set[str | None]](set)
        own: defaultdict[str, list[PreviousQuery]] = defaultdict(list)
        profiles, crowd = defaultdict[str, Profile](Profile), Crowd()
        waiting, lists = deque[Search](), []

        def learn(index: LiveIndex, search: Search) -> None:
            text = normalize(search.text)
            if not text or search.at is None:
                return
            ways[text][search.text] += 1
            forms[text] = max(ways[text], key=lambda way: (ways[text][way], way))
            who[text].add(search.user)
            held[text].append(search.at.timestamp())
            if self._service.is_known(text) or len(who[text]) >= (shoppers or 1):
                for at in held.pop(text):
                    index.add(text, 1.0, at)

        for search in before if session else ():
            _note(own, search)
            if profiled:
                _fold(profiles, search)
        for trial in track(trials, name):
            at = trial.search.at or _NO_TIME
            while live is not None and waiting and at - (waiting[0].at or at) >= timedelta(seconds=DELAY_SECONDS):
                learn(live, waiting.popleft())
            previous = _newest(own[trial.search.user]) if session and trial.search.user else ()
            shopper = None
            if profiled and trial.search.user:
                shopper = Shopper(profiles[trial.search.user], crowd, at.timestamp())
            now = Now(live=live, live_forms=forms, shopper=shopper, at=at)
            lists.append(self.lines(trial.prefix, previous, now))
            waiting.append(trial.search)
            if session:
                _note(own, trial.search)
            if profiled:
                _fold(profiles, trial.search)
        return lists

    def _found(self, prefix: str) -> Gathered:
        if prefix not in self._gathered:
            self._gathered[prefix] = self._service.gather(SuggestQuery(prefix), math.inf)
        return self._gathered[prefix]


def _note(own: defaultdict[str, list[PreviousQuery]], search: Search) -> None:
    if search.user and search.at and (text := normalize(search.text)):
        own[search.user].append(PreviousQuery(text, search.at))


def _fold(profiles: defaultdict[str, Profile], search: Search) -> None:
    if search.user and search.at:
        event = Engagement("", Action.SEARCH, search.at, user_key=search.user, query=search.text)
        profiles[search.user].fold(event)


def _newest(queries: Sequence[PreviousQuery]) -> tuple[PreviousQuery, ...]:
    """The last distinct ones, newest first."""
    distinct: dict[str, PreviousQuery] = {}
    for query in reversed(queries):
        distinct.setdefault(query.text, query)
    return tuple(distinct.values())[:_PREVIOUS_AT_MOST]


def _texts(lists: Sequence[Lines]) -> Lists:
    return [[line.text for line in lines] for lines in lists]


def _session_gain(before: Sequence[Search], trials: Sequence[Trial], lists: Mapping[str, Lists]) -> dict[str, str]:
    """What the session adds, on trials whose shopper searched before, and on those of them that repeat nothing."""
    result: dict[str, str] = {}
    for part, held in zip(
        ("with a history", "not repeated within a minute"), with_history(before, trials), strict=True
    ):
        chosen = [trials[at] for at in held]
        for with_session, without in SESSION_PAIRS if held else ():
            both = [ranks_of(chosen, [lists[name][at] for at in held]) for name in (with_session, without)]
            for measure, score in SCORES.items():
                after, first = (score(ranks) for ranks in both)
                gain = difference_by_query([trial.search.text for trial in chosen], after, first)
                said = f"{first.mean():.4f} → {after.mean():.4f}, {gain}"
                result[f"{with_session}, {len(held)} {part}, {measure}"] = said
    return result


def _calibrated(trials: Sequence[Trial], lists: Sequence[Lines]) -> dict[str, Any]:
    """How far the probability of the first line was right; lists without one are left out."""
    firsts = [(lines[0], trial) for trial, lines in zip(trials, lists, strict=True) if lines]
    right = [line.text == trial.search.text for line, trial in firsts]
    bins, error = calibration([line.score for line, _ in firsts], right)
    return {"expected calibration error": error, "bins": [asdict(each) for each in bins]}


def _diversity(ours: Ours, trials: Sequence[Trial]) -> list[dict[str, float]]:
    """For each strength: Success@10 and MRR@10 over all trials, α-nDCG@10 and distinct categories of short prefixes."""
    points = []
    for value in DIVERSITIES:
        service = Ours(ours.bundle, value, like=ours)
        distinct = dict.fromkeys(trial.prefix for trial in trials)
        found = {prefix: service.lines(prefix) for prefix in track(distinct, f"diversity {value}")}
        ranks = ranks_of(trials, _texts([found[trial.prefix] for trial in trials]))
        short = [trial.prefix for trial in trials if len(trial.prefix) <= _SHORT and found[trial.prefix]]
        kinds = [[line.category for line in found[prefix]] for prefix in short]
        gains = [alpha_ndcg(listed, ours.pool(prefix)) for prefix, listed in zip(short, kinds, strict=True)]
        points.append(
            {
                "diversity": value,
                "Success@10": float(success(ranks).mean()),
                "MRR@10": float(reciprocal(ranks).mean()),
                "α-nDCG@10": float(np.mean(gains)),
                "categories": float(np.mean([len(set(listed) - {None}) for listed in kinds])),
            }
        )
    return points


def _plot(points: Sequence[Mapping[str, float]], file: Path) -> None:
    """What diversity gives to short prefixes, by both measures, and takes from the ranking of all."""
    figure = Figure(figsize=(9.5, 4.2), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    titles = {"α-nDCG@10": "α-nDCG@10 over categories", "categories": "distinct categories among ten lines"}
    for axes, (measure, title) in zip(panels, titles.items(), strict=True):
        across, up = [point[measure] for point in points], [point["MRR@10"] for point in points]
        axes.plot(across, up, marker="o")
        for point, x, y in zip(points, across, up, strict=True):
            note = f"{point['diversity']:g}"
            look: dict[str, Any] = {"xytext": (4, 6)}
            if point["diversity"] == DIVERSITY:
                note, look = f"{note}, served", {"xytext": (6, 2), "weight": "bold"}
            axes.annotate(note, (x, y), textcoords="offset points", **look)
        axes.margins(x=0.12, y=0.15)
        axes.set_xlabel(title)
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("MRR@10, all prefixes")
    figure.suptitle(f"Strength of diversification: what lists for at most {_SHORT} characters gain, and what it costs")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)


def _measured(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Everything that is reported, as it goes into the JSON file."""
    steps = Steps(console)
    train, later = read_searches(options.train), read_searches(options.dev)[: options.limit]
    bundle, known = load_bundle(options.home / "artifacts"), frozenset(search.text for search in train)
    trials = trials_of(later)
    typos, timed = mistyped(trials, options.typos), all(search.at for search in (*train, *later))
    lists, typo_lists = dict[str, Lists](), dict[str, Lists]()
    with tempfile.TemporaryDirectory() as folder:
        for name, complete in completers(bundle, options.home, train, Path(folder), steps).items():
            lists[name], typo_lists[name] = asked(name, complete, trials), asked(f"{name}, typos", complete, typos)
    static_peers = list(lists)
    if timed:
        lists[ONLINE_PEER] = learning_online(train, trials)
    peers, ours, found = list(lists), Ours(bundle), dict[str, list[Lines]]()
    for name, (shoppers, session, profiled) in OURS.items():
        if timed or name == STATIC:
            found[name] = ours.over_time(train, trials, shoppers, session, profiled, name)
            lists[name] = _texts(found[name])
    typo_lists[STATIC] = asked(f"{STATIC}, typos", lambda prefix: [line.text for line in ours.lines(prefix)], typos)
    systems = {name: measures(trials, lists[name], known) for name in lists}
    for name, texts in typo_lists.items():
        ranks = ranks_of(typos, texts)
        typo = {"Success@10": float(success(ranks).mean()), "MRR@10": float(reciprocal(ranks).mean())}
        systems[name] |= {f"typos, {measure}": value for measure, value in typo.items()}
    knowing = [name for name in found if name.startswith("ours: online")]
    beside = beside_best(trials, lists, [name for name in found if name not in knowing], static_peers)
    beside |= beside_best(trials, lists, knowing, peers)
    new = [at for at, trial in enumerate(trials) if trial.search.text not in known]
    if new:
        of_new = {name: [lists[name][at] for at in new] for name in (STATIC, *static_peers)}
        beside["unseen"] = beside_best([trials[at] for at in new], of_new, [STATIC], static_peers)[STATIC]
    beside["typos"] = beside_best(typos, typo_lists, [STATIC], static_peers)[STATIC]
    return {
        "systems": systems,
        "differences": beside,
        "session": _session_gain(train, trials, lists) if timed else {},
        "calibration": {name: _calibrated(trials, found[name]) for name in found},
        "diversity": _diversity(ours, trials),
        "measured_on": {
            "train": options.train.name, "dev": options.dev.name, "version": bundle.version,
            "trials": len(trials), "distinct": len({trial.search.text for trial in trials}), "typos": len(typos),
        },
    }  # fmt: skip


def _print(console: Console, result: Mapping[str, Any]) -> None:
    columns = list(next(iter(result["systems"].values())))
    title = ", ".join(f"{name} {value}" for name, value in result["measured_on"].items())
    table = Table("system", *columns, title=title)
    for name, row in result["systems"].items():
        table.add_row(name, *(f"{row[column]:.4f}" if column in row else "" for column in columns))
    console.print(table)
    for part in ("differences", "session"):
        for name, value in result[part].items():
            said = value.items() if isinstance(value, Mapping) else [("", value)]
            console.print(*(f"{name} {measure} {text}" for measure, text in said), sep="\n", markup=False)
    for name, value in result["calibration"].items():
        bins = ", ".join(f"{each['predicted']:.2f}: {each['right']:.2f} ({each['lists']})" for each in value["bins"])
        console.print(f"{name} ECE {value['expected calibration error']:.4f}; said: right (lists) {bins}", markup=False)
    for point in result["diversity"]:
        console.print(", ".join(f"{name} {value:.4f}" for name, value in point.items()), markup=False)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, metavar="DIR", help="prepared from the train file")
    parser.add_argument("--train", type=Path, required=True, metavar="FILE", help="the searches that are known")
    parser.add_argument("--dev", type=Path, required=True, metavar="FILE", help="the searches that are measured")
    parser.add_argument("--limit", type=int, metavar="N", help="searches that are measured, from the first on")
    parser.add_argument("--typos", type=int, default=3_000, metavar="N", help="prefixes with an edit, at most")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="where diversity.png goes")
    options = parser.parse_args()
    console = Console(highlight=False, width=None if Console().is_terminal else 220)
    result = _measured(options, console)
    _print(console, result)
    if options.plots:
        _plot(result["diversity"], options.plots / "diversity.png")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1, ensure_ascii=False), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
