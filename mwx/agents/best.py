"""Keeps the weights that scored best in evaluation."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from mwx.errors import MwxError
from mwx.runs import read_json, write_json
from mwx.untrusted import read_object

NAMES = ("task_return_mean", "task_return")  # the score that decides, first come first served


class Best:
    """The best model of a run: weights-<step>.safetensors and scores.json that names it.

    Args:
        folder: where they lie; what an interrupted run left there counts.
    """

    def __init__(self, folder: Path):
        self.folder, self.record = Path(folder), Path(folder) / "scores.json"
        self.score = read_object(self.record)["score"] if self.record.exists() else -math.inf

    def load(self) -> tuple[dict[str, Tensor], int]:
        """Return the weights that scored best and the environment step they are of.

        Raises:
            MwxError: no model has been offered yet.
        """
        if not self.record.exists():
            raise MwxError(f"{self.folder}: no weights have been evaluated yet")
        from safetensors.torch import load_file
        kept = read_json(self.record)
        return load_file(self.folder / kept["weights"]), int(kept["step"])

    def offer(self, model: nn.Module, step: int, scores: Mapping[str, float]) -> bool:
        """Keep the model if it scored better than all before it; return whether it did.

        Raises:
            MwxError: it cannot be written; the one before it is untouched.
        """
        score = next((scores[name] for name in NAMES if name in scores), None)
        if score is None or not score > self.score:
            return False
        from safetensors.torch import save
        name = f"weights-{step:09d}.safetensors"
        weights = {k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}
        temporary = self.folder / f".{name}.{os.getpid()}.tmp"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with open(temporary, "wb") as file:
                file.write(save(weights, {"step": str(step), "scores": json.dumps(
                    {k: float(v) for k, v in scores.items()})}))
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.folder / name)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise MwxError(f"cannot write {self.folder / name}: {error.strerror}; the best "
                           f"weights before it are untouched") from None
        write_json(self.record, {"step": step, "score": float(score), "weights": name, "scores": {
            k: float(v) if math.isfinite(v) else None for k, v in scores.items()}})
        for old in self.folder.iterdir():
            if old.name not in (name, self.record.name):
                old.unlink()
        self.score = float(score)
        return True
