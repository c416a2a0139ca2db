"""Train a spectral model: `python -m weights.recipe.train --manifest TABLE --out runs/first --minutes 60`.

It runs on CPU and GPU, saves every few minutes, goes on from `--resume` (a checkpoint of its own or shipped
weights), and stops by itself before its time is over. Losses and held-out distances go to `log.csv`.
"""

from __future__ import annotations

import csv
import math
from dataclasses import asdict
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import numpy as np
import torch
from torch import Tensor

from codectool.models.spectral import Config, SpectralCodec, build
from codectool.nn.linear import fast_bfloat16
from weights.recipe.adversary import Adversary
from weights.recipe.augment import draw_batch
from weights.recipe.data import Corpus, decode_corpus
from weights.recipe.export import STATE_FILE, export, load_codec, load_exported, save_tensors
from weights.recipe.fixed_codebooks import code_and_decode
from weights.recipe.objective import Objective, compared, draw_directions
from weights.recipe.optimizers import optimizers_of
from weights.recipe.options import Options, parse
from weights.recipe.quantizer import FAVOURED, REPLACE_EVERY_STEPS, STEREO_FAVOURED, QuantizerTraining
from weights.recipe.validation import held_out_losses, in_line

KMEANS_BATCHES = 40
WARM_UP_STEPS = 100  # of the learning rate, at the start and after a resume
LOG_EVERY_STEPS = 25
VALIDATE_EVERY_S = 1200
AVERAGE_DECAY, AVERAGE_EVERY_STEPS = 0.99, 10  # of the exported weights
MAXIMUM_GRADIENT_NORM = 10.0
COUNTS = "counts"  # how often each code was drawn lately
ADVERSARY_LEARNING_RATE = 5e-4


class Trainer:
    """A model with everything that learns around it."""

    def __init__(self, options: Options) -> None:
        self.options = options
        torch.manual_seed(options.seed)
        self.rng = np.random.default_rng(options.seed)
        self.device = torch.device(options.device)
        self.model = self.initial_model().to(self.device)
        favoured = FAVOURED if self.model.config.channels == 1 else STEREO_FAVOURED
        # codebooks learn from segments of the network's levels alone; all else does from those of a path, too
        levels = self.model.config.levels if options.fixed_codebooks else self.model.quantizer.levels
        self.quantizer = QuantizerTraining(self.model.quantizer, levels, favoured)
        self.optimizers = optimizers_of(self.model, options.learning_rate)
        self.adversary = Adversary(ADVERSARY_LEARNING_RATE, self.device) if options.adversarial else None
        self.average = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        self.sample_rate_hz, self.channels = self.model.config.sample_rate_hz, self.model.config.channels
        self.objective = Objective(self.sample_rate_hz).to(self.device)
        self.step, self.first_step, self.best = 0, 0, math.inf
        self.quantized = False
        self.started_s = monotonic()
        if options.resume is not None:
            self.resume(options.resume)

    def initial_model(self) -> SpectralCodec:
        """Return what to train: a new model, or one of the shape, and the weights, of what is resumed."""
        path = self.options.resume
        if path is None:
            return build(Config())
        if path.suffix == ".safetensors":
            return load_codec(path)
        return build(Config(**torch.load(path, map_location="cpu", weights_only=True)["config"]))

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint of this script, or from shipped weights (moments are then built anew)."""
        if path.suffix == ".safetensors":
            state = path.with_name(STATE_FILE.format(stem=path.stem))
            self.resume_state(load_exported(state) if state.exists() else {})
        else:
            checkpoint = torch.load(path, map_location=self.device, weights_only=True)
            self.model.load_state_dict(checkpoint["model"])
            for optimizer, moments in zip(self.optimizers, checkpoint["optimizers"], strict=True):
                optimizer.load_state_dict(moments)
            self.quantizer.counts, self.quantizer.sums = checkpoint["counts"], checkpoint["sums"]
            self.average, self.step = checkpoint["average"], checkpoint["step"]
            if self.adversary is not None and "adversary" in checkpoint:
                self.adversary.load(checkpoint["adversary"])
        # weights that were only widened have no codebooks yet
        self.first_step, self.quantized = self.step, bool(self.model.quantizer.codebooks.any())

    def resume_state(self, state: dict[str, Tensor]) -> None:
        """Take up the counts of the codes and the discriminators that were kept beside shipped weights."""
        if COUNTS in state:
            self.quantizer.counts = state.pop(COUNTS).to(self.device)
        self.quantizer.sums = self.model.quantizer.codebooks * self.quantizer.counts[..., None]
        if self.adversary is not None and state:
            self.adversary.load(state)

    def export_best(self) -> None:
        """Write the weights as they would ship, and beside them what else a later run needs."""
        best = self.options.out / "best.safetensors"
        export(self.average, self.model.config, best, {"steps": str(self.step)})
        state = {COUNTS: self.quantizer.counts}
        if self.adversary is not None:
            state |= self.adversary.state()
        save_tensors(state, best.with_name(STATE_FILE.format(stem=best.stem)), {"steps": str(self.step)})

    def save(self) -> None:
        """Write all that a later run needs, under a temporary name first."""
        state = {
            "config": asdict(self.model.config),
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "counts": self.quantizer.counts,
            "sums": self.quantizer.sums,
            "average": self.average,
            "step": self.step,
        }
        if self.adversary is not None:
            state["adversary"] = self.adversary.state()
        temporary = self.options.out / "checkpoint.part"
        torch.save(state, temporary)
        temporary.replace(self.options.out / "checkpoint.pt")

    def progress(self) -> float:
        """Return the share of the run's time that is gone."""
        return (monotonic() - self.started_s) / (self.options.minutes * 60)

    def learning_rate(self) -> float:
        """Return the rate for this moment: a warm-up in steps, then a cosine in time."""
        options = self.options
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, self.progress())))
        rate = options.final_learning_rate + (options.learning_rate - options.final_learning_rate) * cosine
        return rate * min(1.0, (self.step - self.first_step + 1) / WARM_UP_STEPS)

    def autocast(self) -> Any:
        """Return the context of large products: bfloat16 where the processor has units for it."""
        fast = self.device.type != "cpu" or fast_bfloat16()
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=fast)

    def batch(self) -> Tensor:
        """Return training audio, `[batch, channels, samples]`."""
        length_samples = round(self.options.segment_s * self.sample_rate_hz)
        return torch.from_numpy(draw_batch(self.corpus, self.rng, self.options.batch, length_samples)).to(
            self.device
        )

    def total(self, losses: dict[str, Tensor], audio: Tensor, decoded: Tensor) -> Tensor:
        """Return what to minimise, and add the adversary's losses to `losses`."""
        if self.adversary is None:
            return self.objective.total(losses)
        # of all numbers of levels alike
        judged = slice(None, None, -(-len(audio) // self.options.judged))
        others = {name: loss for name, loss in losses.items() if name != "mel"}
        with self.autocast():
            losses |= self.adversary.learn(audio[judged], decoded[judged])
        # a sum whose gradient at `decoded` is the balanced one, in which the mel loss weighs one
        balanced = (decoded * self.adversary.gradient(losses, decoded)).sum()
        return balanced + self.objective.total(others)

    def coded(self, audio: Tensor, kept_levels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the latents of audio, quantized once there are codebooks, and the loss that this has."""
        with self.autocast():
            latents = self.model.encoder(audio.transpose(1, 2))
        latents = latents.float()
        if not self.quantized:
            return latents, {}
        quantized = self.quantizer.quantize(latents, kept_levels, self.step % REPLACE_EVERY_STEPS == 0)
        commitment = (latents - quantized).square().mean() / (quantized.square().mean() + 1e-6)
        return latents + (quantized - latents).detach(), {"commitment": commitment}

    def train_step(self) -> dict[str, float]:
        rate = self.learning_rate()
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
        kept_levels, audio = self.quantizer.draw_levels(self.options.batch), self.batch()
        if self.options.fixed_codebooks:
            with self.autocast():
                decoded, commitment = code_and_decode(self.model, audio, kept_levels)
            losses = {"commitment": commitment}
        else:
            latents, losses = self.coded(audio, kept_levels)
            with self.autocast():
                decoded = in_line(self.model.decoder, latents, audio.shape[2]).float()
        chosen = draw_directions(len(audio)) if self.channels == 2 else None
        decoded, audio = compared(decoded, audio, chosen)
        losses |= self.objective(decoded, audio, kept_levels, chosen)
        total = self.total(losses, audio, decoded)
        self.model.zero_grad(set_to_none=True)
        total.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), MAXIMUM_GRADIENT_NORM)
        for optimizer in self.optimizers:
            optimizer.step()
        self.step += 1
        if self.step % AVERAGE_EVERY_STEPS == 0:
            self.update_average()
        return {name: loss.item() for name, loss in losses.items()} | {"gradient_norm": norm.item()}

    @torch.no_grad()
    def update_average(self) -> None:
        decay = min(AVERAGE_DECAY, self.step / (self.step + 10 * AVERAGE_EVERY_STEPS))
        for name, value in self.model.state_dict().items():
            # codebooks are averages already, and must fit the encoder of now
            self.average[name].lerp_(value, 1.0 if name == "quantizer.codebooks" else 1 - decay)

    @torch.no_grad()
    def start_codebooks(self) -> None:
        latents = []
        for _ in range(KMEANS_BATCHES):
            with self.autocast():
                latents.append(self.model.encoder(self.batch().transpose(1, 2)).float().flatten(0, 1))
        self.quantizer.start(torch.cat(latents))
        self.quantized = True

    def averaged_model(self) -> SpectralCodec:
        model: SpectralCodec = build(self.model.config).to(self.device)
        model.load_state_dict(self.average)
        return model

    def validate_and_save(self) -> dict[str, float]:
        losses = held_out_losses(self.averaged_model(), self.objective, self.corpus)
        # What an adversary teaches is not in these losses, so there the last weights count as the best.
        if losses["score"] < self.best or self.adversary is not None:
            self.best = losses["score"]
            self.export_best()
        self.save()
        return losses

    def run(self) -> None:
        """Train until the time is nearly over, then validate and save once more."""
        options = self.options
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "options.txt").write_text(
            "\n".join(f"{k}={v}" for k, v in asdict(options).items()) + "\n"
        )
        if not options.cache.exists():
            decode_corpus(options.manifest, options.cache, self.sample_rate_hz, self.channels)
        self.corpus = Corpus(options.cache)
        if (self.corpus.sample_rate_hz, self.corpus.channels) != (self.sample_rate_hz, self.channels):
            raise SystemExit(f"{options.cache}: audio of another rate or number of channels than the model's")
        self.started_s = validated_s = monotonic()
        sums: dict[str, float] = {}
        while self.progress() < 1 - 0.5 / options.minutes:  # half a minute is kept for the end
            while options.pause is not None and options.pause.exists():
                sleep(1)
            if not self.quantized and self.step >= options.unquantized_steps:
                self.start_codebooks()
            for name, value in self.train_step().items():
                sums[name] = sums.get(name, 0.0) + value / LOG_EVERY_STEPS
            if self.step % LOG_EVERY_STEPS == 0:
                self.log("train", sums)
                sums = {}
            if monotonic() - validated_s > VALIDATE_EVERY_S and self.quantized:
                self.log("held_out", self.validate_and_save())
                validated_s = monotonic()
        self.log("held_out", self.validate_and_save())

    def log(self, part: str, values: dict[str, float]) -> None:
        elapsed_s = monotonic() - self.started_s
        with (self.options.out / "log.csv").open("a", newline="") as file:
            writer = csv.writer(file)
            for name, value in values.items():
                writer.writerow([part, self.step, f"{elapsed_s:.0f}", name, f"{value:.4f}"])
        shown = {name: round(value, 4) for name, value in values.items()}
        print(part, self.step, f"{elapsed_s:.0f} s", shown, flush=True)


def main() -> None:
    Trainer(parse(__doc__ or "")).run()


if __name__ == "__main__":
    main()
