"""How well guidance agrees with what people wrote down: rules, similarity and models, side by side.

    python benchmarks/guidance.py [--model NAME=URL ...] [--samples 1] [--record DIR]

Two sets of texts: the tasks with a curated guidance file, and twenty texts of ours, each with the
expert that should lead, or none where no expert fits and a provider should abstain.

    top        texts whose highest weight lies on an expert that should lead
    KL         mean of KL(curated || provider) over the tasks [nats], 0 for the same weights
    abstains   texts called unsupported: among those that an expert covers (should be 0), and
               among those that none covers (should be all)
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mwx.errors import MwxError
from mwx.router import (
    DESCRIPTIONS,
    AnswerCache,
    FileGuidance,
    Guidance,
    GuidanceProvider,
    KeywordRules,
    SentenceSimilarity,
    VlmConfig,
    VlmGuidance,
)

# text, and the expert that should lead; None: no expert covers it
TEXTS: tuple[tuple[str, str | None], ...] = (
    ("Stand still while somebody measures your height.", "stand"),
    ("Keep your balance on the spot for half a minute.", "stand"),
    ("Go to the end of the corridor at an easy pace.", "walk"),
    ("Follow the person ahead of you through the park.", "walk"),
    ("Don't run: walk along the edge of the pool.", "walk"),
    ("Sprint to the finish line as fast as you can.", "run"),
    ("Hurry, catch the bus before it leaves.", "run"),
    ("Take a seat on the bench and rest.", "sit"),
    ("Lower yourself onto the stool and stay there.", "sit"),
    ("Bring the crate from the van to the kitchen.", "carry"),
    ("Deliver this parcel to the front desk.", "carry"),
    ("Press the red button with your left hand.", "reach"),
    ("Switch off the lamp beside you.", "reach"),
    ("Touch both marks on the wall at once, one with each hand.", "reach_two_hands"),
    ("Grasp the wide tray in front of you at its two ends.", "reach_two_hands"),
    ("Get through the ventilation duct on hands and knees.", "crawl"),
    ("Pass beneath the table, which is knee high.", "crawl"),
    ("Move half a metre nearer to the shelf, slowly, ready to stop.", "step"),
    ("Swim two lengths of the pool.", None),
    ("Translate this letter into French.", None),
)


@dataclass(frozen=True)
class Case:
    """One text: who should lead (nobody: abstain), and the curated weights where there are any."""

    task: str
    text: str
    leaders: frozenset[str]
    weights: np.ndarray | None = None


def cases() -> list[Case]:
    """Return the curated tasks, then the free texts."""
    curated = FileGuidance(sources=("curated",))
    result = []
    for task in curated.tasks():
        told = curated.guide(task, "", DESCRIPTIONS)
        top = np.isclose(told.weights, told.weights.max())
        leaders = frozenset(name for name, leads in zip(told.experts, top, strict=True) if leads)
        result.append(Case(task, told.task_text, leaders, told.weights))
    return result + [Case("text", text, frozenset({name} if name else ()))
                     for text, name in TEXTS]


def ask(provider: GuidanceProvider, all_cases: list[Case], label: str) -> list[Guidance | None]:
    """Return a provider's guidance for each case, None where it failed."""
    told: list[Guidance | None] = []
    for case in all_cases:
        try:
            told.append(provider.guide(case.task, case.text, DESCRIPTIONS))
        except MwxError as error:
            told.append(None)
            print(f"{label}: {case.text}: {error}", file=sys.stderr, flush=True)
    return told


def row(label: str, all_cases: list[Case], told: list[Guidance | None]) -> str:
    """Return one line of the table."""
    pairs = list(zip(all_cases, told, strict=True))
    given = [(case, guidance) for case, guidance in pairs if guidance is not None]

    def top(some: list[tuple[Case, Guidance | None]]) -> str:
        right = [guidance is not None and not guidance.unsupported
                 and guidance.experts[int(guidance.weights.argmax())] in case.leaders
                 for case, guidance in some if case.leaders]
        return f"{sum(right)} of {len(right)}"

    def abstains(covered: bool) -> str:
        some = [guidance.unsupported for case, guidance in given if bool(case.leaders) == covered]
        return f"{sum(some)} of {len(some)}"

    apart = [float(np.sum(case.weights * np.log(case.weights / guidance.weights)))
             for case, guidance in given if case.weights is not None]
    kl = f"{np.mean(apart):.2f}" if apart else "-"
    tasks = [pair for pair in pairs if pair[0].weights is not None]
    texts = [pair for pair in pairs if pair[0].weights is None]
    return (f"| {label} | {len(given)} of {len(pairs)} | {top(tasks)} | {top(texts)} | {kl} | "
            f"{abstains(True)} | {abstains(False)} |")


def chance(all_cases: list[Case]) -> str:
    """Return the line of even weights: the top expert is drawn, nothing is abstained from."""
    count = len(DESCRIPTIONS)

    def top(some: list[Case]) -> str:
        led = [len(case.leaders) / count for case in some if case.leaders]
        return f"{sum(led):.1f} of {len(led)}"

    tasks = [case for case in all_cases if case.weights is not None]
    kl = np.mean([np.sum(case.weights * np.log(case.weights * count)) for case in tasks
                  if case.weights is not None])
    texts = [case for case in all_cases if case.weights is None]
    return f"| uniform | - | {top(tasks)} | {top(texts)} | {kl:.2f} | - | - |"


def providers(given: argparse.Namespace) -> Mapping[str, GuidanceProvider]:
    """Return who is asked, by the label of its line."""
    result: dict[str, GuidanceProvider] = {"rules": KeywordRules()}
    try:
        result["similarity"] = SentenceSimilarity()
    except MwxError as error:
        print(f"without similarity: {error}", file=sys.stderr)
    for name_at_url in given.model:
        name, _, url = name_at_url.partition("=")
        config = VlmConfig(name, url, given.key_variable, given.samples,
                           deadline_s=given.deadline)
        result[name] = VlmGuidance(config, AnswerCache())
    return result


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", default=[], metavar="NAME=URL")
    parser.add_argument("--key-variable", default="", help="environment variable with the key")
    parser.add_argument("--samples", type=int, default=1)
    parser.add_argument("--deadline", type=float, default=600.0, help="seconds for one text")
    parser.add_argument("--record", type=Path, help="folder for the models' answers on the tasks")
    given = parser.parse_args()
    asked = cases()
    print("| guidance by | answers | top, tasks | top, texts | KL to curated | abstains, covered | "
          "abstains, not covered |\n|---|--:|--:|--:|--:|--:|--:|\n" + chance(asked), flush=True)
    for label, provider in providers(given).items():
        told = ask(provider, asked, label)
        print(row(label, asked, told), flush=True)
        for case, guidance in zip(asked, told, strict=True):
            if given.record and guidance is not None and guidance.provenance.model \
                    and case.weights is not None:
                guidance.recorded().save(given.record / f"{case.task}.json")


if __name__ == "__main__":
    main()
