"""A toy language model of sound: trained on the tokens of a folder, it continues a prompt.

    codec tokenize examples tokens --levels 2
    python examples/language_model.py tokens continued.wav

Trained on 14 s of sound, it learns nothing but these 14 s: the program shows the way, not what quality can be
had on it.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator

import soundfile
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

import codectool
from codectool import tokens
from codectool.tokens.layouts import codes_from, vocabulary_of

LAYOUT = "flat-offset"  # one id a step: the levels of a frame in turn, each with ids of its own


class Crops(IterableDataset[Tensor]):
    """Endless crops of `length` ids from random places of random recordings."""

    def __init__(self, source: str, length: int) -> None:
        self.length = length
        self.recordings = [torch.from_numpy(item["codes"]).long() for item in tokens.read(source, LAYOUT)]
        self.recordings = [ids for ids in self.recordings if len(ids) > length]

    def __iter__(self) -> Iterator[Tensor]:
        while True:
            ids = random.choice(self.recordings)
            start = random.randrange(len(ids) - self.length)
            yield ids[start : start + self.length]


class LanguageModel(nn.Module):
    """A recurrent network that scores the next id."""

    def __init__(self, vocabulary: int, width: int = 192) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.recurrent = nn.GRU(width, width, batch_first=True)
        self.scores = nn.Linear(width, vocabulary)

    def forward(self, ids: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        hidden, state = self.recurrent(self.embedding(ids), state)
        return self.scores(hidden), state


def train(model: LanguageModel, crops: Crops, steps: int) -> float:
    """Train to predict each id from those before it; return the last loss."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    loss = torch.zeros(())
    for _, ids in zip(range(steps), DataLoader(crops, batch_size=8), strict=False):
        scores, _ = model(ids[:, :-1])
        loss = nn.functional.cross_entropy(scores.flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


@torch.no_grad()
def continued(model: LanguageModel, prompt: Tensor, count: int, levels: int, size: int) -> Tensor:
    """Return the prompt, of whole frames, and `count` ids more, each drawn among those of its level."""
    scores, state = model(prompt[None])
    ids = list(prompt)
    for number in range(count):
        level = number % levels
        own = scores[0, -1, level * size : (level + 1) * size]
        ids.append(level * size + torch.multinomial(own.mul(1.5).softmax(0), 1)[0])
        scores, state = model(ids[-1].view(1, 1), state)
    return torch.stack(ids)


def main() -> None:
    """Train, continue the first seconds of the last recording, and write them as sound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", help="a folder or a shard of tokens")
    parser.add_argument("target", help="where the sound goes")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--prompt", type=float, default=2.0, help="seconds")
    parser.add_argument("--seconds", type=float, default=4.0, help="to continue it by")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    random.seed(0)
    about = tokens.describe(arguments.source)
    sizes, ids_per_s = about.codebook_sizes, about.levels * float(about.frame_rate)
    crops = Crops(arguments.source, length=50 * about.levels)
    model = LanguageModel(vocabulary_of(LAYOUT, sizes).size)
    print(f"loss {train(model, crops, arguments.steps):.2f}")
    prompt = crops.recordings[-1][: int(arguments.prompt * float(about.frame_rate)) * about.levels]
    count = int(arguments.seconds * ids_per_s) // about.levels * about.levels
    ids = continued(model, prompt, count, about.levels, sizes[0])
    codec = codectool.load(about.model)
    audio = codec.decode(codes_from(ids.numpy(), LAYOUT, sizes))
    soundfile.write(arguments.target, audio.T, codec.sample_rate)


if __name__ == "__main__":
    main()
