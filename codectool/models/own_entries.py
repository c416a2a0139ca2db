"""The entries of our own models and of EnCodec; plain data."""

from __future__ import annotations

from codectool.models.entry import Download, ModelEntry

ENCODEC_FILES = "https://dl.fbaipublicfiles.com/encodec/v0"

ENTRIES = (
    ModelEntry(
        name="base_24khz",
        family="spectral",
        sample_rate_hz=24_000,
        channels=1,
        hop_samples=320,
        levels=32,
        codebook_size=1024,
        weights_file="base_24khz.safetensors",
        fingerprint=bytes.fromhex("ee9fb5ad2c67d5ba"),
        earlier={bytes.fromhex("e8a7f997b8c49c58"): 16},
        licence="CC BY 4.0",
        causal=True,
        latency_samples=640,
        parameters=14_410_885,
        config={"wave_levels": 16, "wave_dim": 298},
    ),
    ModelEntry(
        name="base_48khz",
        family="spectral",
        sample_rate_hz=48_000,
        channels=2,
        hop_samples=640,
        levels=32,
        codebook_size=1024,
        weights_file="base_48khz.safetensors",
        fingerprint=bytes.fromhex("d8d4f5e1694a0259"),
        licence="CC BY 4.0",
        causal=True,
        latency_samples=1280,
        parameters=10_581_220,
            config={'sample_rate_hz': 48000, 'channels': 2, 'hop_samples': 640, 'latent_dim': 96, 'envelope_levels': 24, 'envelope_bands': 32},
    ),
    ModelEntry(
        name="encodec_24khz",
        family="encodec",
        sample_rate_hz=24_000,
        channels=1,
        hop_samples=320,
        levels=32,
        codebook_size=1024,
        weights_file="encodec_24khz.safetensors",
        fingerprint=b"",
        licence="not stated; that of EnCodec's code is MIT",
        causal=True,
        latency_samples=320,
        parameters=19_041_121,
        download=Download(
            url=f"{ENCODEC_FILES}/encodec_24khz-d7cc33bc.th",
            size_bytes=93_171_529,
            sha256="d7cc33bcf1aad7f2dad9836f36431530744abeace3ca033005e3290ed4fa47bf",
        ),
    ),
    ModelEntry(
        name="encodec_48khz",
        family="encodec",
        sample_rate_hz=48_000,
        channels=2,
        hop_samples=320,
        levels=16,
        codebook_size=1024,
        weights_file="encodec_48khz.safetensors",
        fingerprint=b"",
        licence="MIT by its Hugging Face page, elsewhere not stated; that of EnCodec's code is MIT",
        causal=False,
        latency_samples=48_000,
        parameters=16_953_446,
        download=Download(
            url=f"{ENCODEC_FILES}/encodec_48khz-7e698e3e.th", size_bytes=76_337_089, sha256="7e698e3e"
        ),
        segment_samples=48_000,
        segment_stride_samples=47_520,  # segments share 1 % with the one before
        scaled=True,
        config={
            "sample_rate_hz": 48_000,
            "channels": 2,
            "levels": 16,
            "causal": False,
            "group_norm": True,
            "normalized": True,
        },
    ),
    ModelEntry(
        name="encodec_32khz",
        family="encodec",
        sample_rate_hz=32_000,
        channels=1,
        hop_samples=640,
        levels=4,
        codebook_size=2048,
        weights_file="encodec_32khz.safetensors",
        fingerprint=b"",
        licence="CC BY-NC 4.0, as audiocraft states for its weights",
        causal=False,
        latency_samples=0,
        parameters=57_925_313,
        page="https://huggingface.co/facebook/encodec_32khz",
        longest_samples=60 * 32_000,  # at 45 MB a second
        # By Hugging Face, which mirrors the ends; audiocraft's default would put zeros there.
        config={
            "sample_rate_hz": 32_000,
            "levels": 4,
            "codebook_size": 2048,
            "filters": 64,
            "ratios": (8, 5, 4, 4),
            "causal": False,
            "identity_skip": True,
        },
    ),
)
