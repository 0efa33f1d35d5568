"""Where guidance comes from: shipped files, a fallback on failure, and choosing by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mwx.errors import MwxError, nearest
from mwx.router.guidance import FILES, Guidance, GuidanceProvider, load_guidance, restrict


@dataclass(frozen=True)
class FileGuidance:
    """Guidance from files <root>/<source>/<task>.json; found by exact task id, never by likeness.

    Attributes:
        root: folder of the files.
        sources: subfolders in order of preference.
    """

    root: Path = FILES
    sources: tuple[str, ...] = ("paper_table", "curated")

    def tasks(self) -> tuple[str, ...]:
        """Return the tasks that have a file."""
        found = {p.stem for source in self.sources for p in (self.root / source).glob("*.json")}
        return tuple(sorted(found))

    def guide(self, task_id: str, task_text: str, experts: Mapping[str, str],
              image: bytes | None = None) -> Guidance:
        """Return the file's guidance restricted to the experts at hand.

        Raises:
            MwxError: no file for this task.
        """
        for source in self.sources:
            path = self.root / source / f"{task_id}.json"
            if task_id.isidentifier() and path.exists():
                guidance = restrict(load_guidance(path), experts)
                if task_text and " ".join(task_text.split()) != guidance.task_text:
                    return guidance.noted("written for this text, not for the one given: "
                                          f"'{guidance.task_text}'")
                return guidance
        raise MwxError(
            f"no guidance file for task '{task_id}': {nearest(task_id, self.tasks())}files exist "
            f"for {', '.join(self.tasks()) or 'no task'}. Use the keyword rules (provider 'rules') "
            "or a vision-language model (provider 'vlm') for other tasks")


@dataclass(frozen=True)
class WithFallback:
    """A provider and what to use when it fails; the provenance then says so."""

    first: GuidanceProvider
    second: GuidanceProvider

    def guide(self, task_id: str, task_text: str, experts: Mapping[str, str],
              image: bytes | None = None) -> Guidance:
        """Return the first provider's guidance, or the second's with the failure noted."""
        try:
            return self.first.guide(task_id, task_text, experts, image)
        except MwxError as error:
            guidance = self.second.guide(task_id, task_text, experts, image)
            return guidance.noted(f"fallback, because the requested provider failed: {error}")
