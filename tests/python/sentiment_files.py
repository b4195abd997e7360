"""A small sentiment model, its tokenizer and what PyTorch answers with them, for the tests of tenon-sentiment."""

import functools
import os
import random
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import ByteLevelBPETokenizer

ROOT = Path(__file__).parents[2]
WORDS = "정말 재미있는 영화 였다 너무 지루하고 별로 good bad film 최고 ㅋㅋㅋ 배우 연기 10점 ... ?!".split()
WORDS += ["😀", "é", "e\u0301", "😡👍🏽"]


@functools.cache
def program(name: str = "tenon-sentiment", variable: str = "TENON_SENTIMENT") -> Path:
    """The newest of a build folder of this checkout, or the one that the environment's variable names."""
    named = os.environ.get(variable)
    built = [Path(named)] if named else list(ROOT.glob(f"build/**/examples/{name}"))
    assert built, f"{name} is not built; {variable} may name it"
    return max(built, key=lambda path: path.stat().st_mtime)


def reviews(count: int, seed: int = 0) -> list[str]:
    """Texts of very different lengths, some of them empty and some beyond 128 tokens."""
    draw = random.Random(seed)
    lengths = [0, 1, 2, 3, 5, 8, 13, 40, 300]
    return [" ".join(draw.choices(WORDS, k=draw.choice(lengths))) for _ in range(count)]


class Reference:
    """PyTorch's answers, and the files of the model that gives them."""

    def __init__(self, folder: Path, size: int = 128):
        self.model, self.tokenizer = folder / "model.safetensors", folder / "tokenizer.json"
        self.bpe = ByteLevelBPETokenizer()
        self.bpe.train_from_iterator(reviews(400, seed=1), vocab_size=500, special_tokens=["<pad>"])
        self.bpe.enable_truncation(128)
        self.bpe.save(str(self.tokenizer))
        torch.manual_seed(0)
        self.embedding = torch.nn.Embedding(self.bpe.get_vocab_size(), size, padding_idx=0)
        self.gru = torch.nn.GRU(size, size, batch_first=True)
        self.ln1 = torch.nn.Linear(size, 2)
        # Answers on both sides that are well apart.
        self.ln1.weight.data *= 10
        self.state = {
            f"{name}.{key}": value
            for name in ("embedding", "gru", "ln1")
            for key, value in getattr(self, name).state_dict().items()
        }
        save_file(self.state, self.model)

    def options(self) -> list[str]:
        return ["--model", str(self.model), "--tokenizer", str(self.tokenizer)]

    def probabilities(self, texts: list[str]) -> list[float]:
        """How probable it is that each text is positive; each by itself."""
        found = []
        with torch.no_grad():
            for encoding in self.bpe.encode_batch(texts):
                words = self.embedding(torch.tensor([encoding.ids or [0]]))
                last = self.gru(words)[1][0]
                found.append(self.ln1(last).softmax(-1)[0, 1].item())
        return found
