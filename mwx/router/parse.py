"""Strict reading of a model's answer: every way an answer can be wrong gets its own sentence."""

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mwx.types import Array

MAX_CHARACTERS = 20_000  # an answer is about 200 tokens; anything this long is not one
MAX_STAGES = 12
MAX_SCORE = 10.0
MAX_WRAPPINGS = 4
BLANK = "\ufeff\u200b \r\n\t"
# models think aloud first: with both tags, or with the closing one only
THOUGHT_ENDS = re.compile(r"</(?:think|thinking|thought|reasoning)>|\[/THINK\]")
CLOSING_COMMA = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])')  # outside of strings
NUMBER = re.compile(r"\d{1,9}(\.\d{1,9})?")
KEYS = ("reasoning", "scores", "stages", "unsupported")


class InvalidAnswer(ValueError):
    """An answer that breaks the protocol; the message says how, for the repair turn."""


@dataclass(frozen=True)
class Answer:
    """One valid answer.

    Attributes:
        scores: (K,) relevance of each expert, 0 to 10, not all zero.
        stages: (text, expert, fraction) in order; fractions sum to 1.
        unsupported: no available expert covers the task.
    """

    scores: Array
    stages: tuple[tuple[str, str, float], ...]
    unsupported: bool


def strict_json(text: str) -> Any:
    """Parse JSON, refusing duplicate keys, NaN and infinities, which json.loads lets through.

    Raises:
        InvalidAnswer: not JSON in this strict sense.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except InvalidAnswer:
        raise
    except RecursionError:
        raise InvalidAnswer("the JSON is nested too deeply") from None
    except ValueError as error:
        raise InvalidAnswer(f"not valid JSON: {error}") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise InvalidAnswer(f"the key '{key}' appears twice")
        result[key] = value
    return result


def _no_constant(name: str) -> Any:
    raise InvalidAnswer(f"{name} is not a number in JSON")


def wrapped_object(text: str, keys: Sequence[str], what: str) -> dict[str, Any]:
    """Return the one JSON object with these keys in what a model wrote, whatever is around it.

    Reasoning up to a closing </think> is left out; code fences, prose, a byte-order mark, a list
    or an object of one, JSON within a string and commas before a closing bracket are seen through.

    Args:
        text: what the model wrote.
        keys: of the object, no more and no fewer.
        what: the object's name in errors.

    Raises:
        InvalidAnswer: no such object, several that differ, or JSON that breaks its own rules.
    """
    said = THOUGHT_ENDS.split(text)[-1]
    said = said if said.strip(BLANK) else text
    if len(said) > MAX_CHARACTERS:
        raise InvalidAnswer(f"the answer has {len(said)} characters; at most {MAX_CHARACTERS}")
    try:
        value = _unwrapped(strict_json(text.strip(BLANK)), keys)
    except InvalidAnswer:
        value = _embedded(said.strip(BLANK), keys)
    exact_keys(value, keys, what)
    return value


def _unwrapped(value: Any, keys: Sequence[str]) -> Any:
    """Return what a list of one, an object of one or a string of JSON holds."""
    for _ in range(MAX_WRAPPINGS):
        if isinstance(value, str) and value.strip().startswith(("{", "[", '"')):
            value = strict_json(value)
        elif isinstance(value, list) and len(value) == 1:
            value = value[0]
        elif isinstance(value, dict) and len(value) == 1 and not set(value) & set(keys):
            value = next(iter(value.values()))
    return value


def _embedded(text: str, keys: Sequence[str]) -> dict[str, Any]:
    """Return the object with these keys out of the outermost JSON objects in a text."""
    problems: list[InvalidAnswer] = []
    for some in (text, CLOSING_COMMA.sub(r"\1", text)):
        objects = [value for value in _objects(some, keys, problems) if set(value) & set(keys)]
        within = [value for value in objects if set(value) == set(keys)] or objects
        if any(value != within[0] for value in within):
            raise InvalidAnswer("several answers that differ; give one")
        if within:
            return within[0]
    if not problems:
        strict_json(text)  # says where it is no JSON
    raise problems[0] if problems else InvalidAnswer("no JSON object in the answer")


def _objects(text: str, keys: Sequence[str],
             problems: list[InvalidAnswer]) -> Iterator[dict[str, Any]]:
    """Yield the outermost JSON objects in a text; add what breaks the rules to the problems."""
    decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
    start = text.find("{")
    while start >= 0:
        end = start + 1
        try:
            value, end = decoder.raw_decode(text, start)
            value = _unwrapped(value, keys)
            if isinstance(value, dict):
                yield value
        except InvalidAnswer as problem:
            problems.append(problem)
        except (ValueError, RecursionError):  # a brace in prose
            pass
        start = text.find("{", end)


def parse_answer(text: str, experts: Sequence[str]) -> Answer:
    """Read and check one answer.

    Args:
        text: what the model wrote.
        experts: K names, in the order the scores are returned.

    Raises:
        InvalidAnswer: anything is missing, unknown, repeated, out of range or not a number.
    """
    value = wrapped_object(text, KEYS, "the answer")
    if not isinstance(value["unsupported"], bool):
        raise InvalidAnswer("'unsupported' must be true or false")
    scores = _scores(value["scores"], experts)
    return Answer(scores, _stages(value["stages"], experts), value["unsupported"])


def exact_keys(value: Any, keys: Sequence[str], what: str) -> None:
    """Raise InvalidAnswer unless a value is a JSON object with exactly these keys."""
    if not isinstance(value, dict):
        raise InvalidAnswer(f"{what} must be a JSON object")
    missing = [key for key in keys if key not in value]
    extra = [key for key in value if key not in keys]
    if missing or extra:
        raise InvalidAnswer(f"{what}: missing {missing or 'nothing'}, unknown "
                            f"{[name[:40] for name in extra] or 'nothing'}; "
                            f"the keys are {', '.join(keys)}")


def number_within(value: Any, low: float, high: float, what: str) -> float:
    """Return a JSON number in [low, high], also one in quotes; raise InvalidAnswer otherwise."""
    if isinstance(value, str) and NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidAnswer(f"{what} must be a number, not {str(value)[:40]!r}")
    if not low <= value <= high or not math.isfinite(value):
        raise InvalidAnswer(f"{what} must lie in [{low:g}, {high:g}], not {str(value)[:40]}")
    return float(value)


def _scores(value: Any, experts: Sequence[str]) -> Array:
    exact_keys(value, experts, "'scores'")
    scores = np.array([number_within(value[n], 0, MAX_SCORE, f"the score of '{n}'")
                       for n in experts])
    if not scores.any():
        raise InvalidAnswer("all scores are zero; score the least unfit experts above zero and "
                            "set 'unsupported' to true if none fits")
    return scores


def _stages(value: Any, experts: Sequence[str]) -> tuple[tuple[str, str, float], ...]:
    if not isinstance(value, list) or len(value) > MAX_STAGES:
        raise InvalidAnswer(f"'stages' must be a list of at most {MAX_STAGES} objects")
    stages = []
    for i, stage in enumerate(value):
        exact_keys(stage, ("text", "expert", "fraction"), f"stage {i}")
        if not isinstance(stage["text"], str) or len(stage["text"]) > 400:
            raise InvalidAnswer(f"stage {i}: 'text' must be a string of at most 400 characters")
        if stage["expert"] not in experts:
            raise InvalidAnswer(f"stage {i}: unknown expert {str(stage['expert'])[:40]!r}; "
                                f"known: {', '.join(experts)}")
        fraction = number_within(stage["fraction"], 0, 100, f"stage {i}: 'fraction'")
        stages.append((stage["text"], stage["expert"], fraction))
    total = sum(stage[2] for stage in stages)
    if stages and total <= 0:
        raise InvalidAnswer("the stages' fractions sum to zero")
    return tuple((text, expert, fraction / total) for text, expert, fraction in stages)
