"""Sessions: the same stream in any pieces, and nothing shared between streams."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from codectool.audio.pcm import Block
from codectool.container import Codes
from codectool.errors import UsageError
from codectool.models.loaded import LoadedModel
from codectool.nn.layer import State
from codectool.sessions.streaming import LAST_STEP_S, DecoderSession, EncoderSession
from tests.small_models import SHAPE, codec_of
from tests.streams import decoded, encoded

Step = Callable[[Tensor, State], tuple[Tensor, State]]

RATE_HZ = 24_000
HOP_SAMPLES = 320
LEVELS = 8
TIE = 1e-4  # squared distances this close, relative to their size, may come out either way in another sum


def noise(samples: int, seed: int = 0) -> Block:
    """Return mono noise."""
    return np.random.default_rng(seed).normal(0, 0.1, (1, samples)).astype(np.float32)


def random_codes(frames: int, seed: int = 0) -> Codes:
    """Return codes of any sound."""
    return np.random.default_rng(seed).integers(0, 1024, (LEVELS, frames)).astype(np.uint16)


@pytest.fixture
def encoder(small_model: LoadedModel) -> EncoderSession:
    return EncoderSession(small_model, LEVELS)


@pytest.fixture
def decoder(small_model: LoadedModel) -> DecoderSession:
    return DecoderSession(small_model)


@pytest.mark.parametrize("samples", [0, 1, 319, 24_000, 72_000, 80_001])
@pytest.mark.parametrize("last_samples", [0, 1, 24_000, 72_000])
def test_finishing_with_audio_is_pushing_it_first(
    encoder: EncoderSession, samples: int, last_samples: int
) -> None:
    audio = noise(samples + last_samples)
    expected = encoded(encoder, audio, 5000)
    first = encoder.push(audio[:, :samples])
    np.testing.assert_array_equal(
        np.concatenate((first, encoder.finish(audio[:, samples:])), axis=1), expected
    )


@pytest.mark.parametrize("piece_samples", [1, 7, 320, 100_000])
def test_codes_do_not_depend_on_the_pieces(encoder: EncoderSession, piece_samples: int) -> None:
    audio = noise(2 * RATE_HZ + 13)
    expected = encoded(encoder, audio, audio.shape[1])
    assert expected.dtype == np.uint16
    assert expected.shape == (LEVELS, 152)  # 150 hops and 13 samples, and a frame to complete the last hop
    np.testing.assert_array_equal(encoded(encoder, audio, piece_samples), expected)


@pytest.mark.parametrize("piece_frames", [1, 7, 75, 1000])
def test_audio_does_not_depend_on_the_pieces(decoder: DecoderSession, piece_frames: int) -> None:
    codes = random_codes(200)
    expected = decoded(decoder, codes, 200)
    assert expected.shape == (1, 199 * HOP_SAMPLES)
    np.testing.assert_array_equal(decoded(decoder, codes, piece_frames), expected)


def test_where_the_trial_fails_the_network_runs_on_blocks_of_one_shape(
    small_torch_model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = replace(small_torch_model, joined_levels=frozenset({LEVELS - 1}))
    encoder, decoder = EncoderSession(model, LEVELS), DecoderSession(model)
    shapes = shapes_seen(model, monkeypatch)
    for length_samples in (1, 24_000, 24_001, 71_000):  # sums depend on the shape, if not in so small a model
        decoded(decoder, encoded(encoder, noise(length_samples), 99_999), 310)
    last_frames = model.entry.frames_in(LAST_STEP_S)
    assert last_frames == 5
    whole, last = (1, 75 * HOP_SAMPLES, 1), (1, last_frames * HOP_SAMPLES, 1)
    assert shapes == {whole, last, (1, 75, SHAPE.latent_dim), (1, last_frames, SHAPE.latent_dim)}


def shapes_seen(model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> set[tuple[int, ...]]:
    """Return what will hold the shapes that both halves are given from now on."""
    shapes: set[tuple[int, ...]] = set()

    def watched(step: Step) -> Step:
        def watched_step(x: Tensor, state: State) -> tuple[Tensor, State]:
            shapes.add(tuple(x.shape))
            return step(x, state)

        return watched_step

    codec = codec_of(model)
    for layer in (codec.encoder, codec.decoder):
        monkeypatch.setattr(layer, "step", watched(layer.step))
    return shapes


@pytest.mark.parametrize("levels", [LEVELS - 1, LEVELS])
def test_blocks_are_joined_for_the_levels_that_passed(
    small_torch_model: LoadedModel, levels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = replace(small_torch_model, joined_levels=frozenset({LEVELS - 1}))
    shapes = shapes_seen(model, monkeypatch)
    codes = EncoderSession(model, levels, threads=1).push(noise(8 * RATE_HZ))
    DecoderSession(model, threads=1).push(codes)
    frames = 600 if levels < LEVELS else 75
    assert shapes == {(1, frames * HOP_SAMPLES, 1), (1, frames, SHAPE.latent_dim)}


@pytest.mark.parametrize("block_frames", [75, 2])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("joins", [False, True])
def test_threads_and_joined_blocks_change_nothing(
    small_torch_model: LoadedModel, block_frames: int, threads: int, joins: bool
) -> None:
    audio = noise((17 if block_frames == 75 else 3) * RATE_HZ + 4321)
    plain = replace(small_torch_model, joined_levels=frozenset())
    model = replace(small_torch_model, joined_levels=frozenset({LEVELS} if joins else ()))
    codes = encoded(EncoderSession(plain, LEVELS, block_frames, 1), audio, 10_000)
    sound = decoded(DecoderSession(plain, block_frames, 1), codes, 100)
    for piece_s in (5, 20):
        session = EncoderSession(model, LEVELS, block_frames, threads)
        np.testing.assert_array_equal(encoded(session, audio, piece_s * RATE_HZ), codes)
        decoder = DecoderSession(model, block_frames, threads)
        np.testing.assert_array_equal(decoded(decoder, codes, piece_s * 75), sound)


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_change_nothing(small_model: LoadedModel, threads: int) -> None:
    audio = noise(17 * RATE_HZ + 4321)
    codes = encoded(EncoderSession(small_model, LEVELS, threads=1), audio, 10_000)
    sound = decoded(DecoderSession(small_model, threads=1), codes, 100)
    np.testing.assert_array_equal(
        encoded(EncoderSession(small_model, LEVELS, threads=threads), audio, 99_999_999), codes
    )
    np.testing.assert_array_equal(
        decoded(DecoderSession(small_model, threads=threads), codes, codes.shape[1]), sound
    )


@torch.inference_mode()
def test_codes_are_those_of_the_whole_signal(small_model: LoadedModel, encoder: EncoderSession) -> None:
    audio = noise(3 * RATE_HZ + 77)
    codec = codec_of(small_model)
    latents = codec.encoder(torch.from_numpy(audio)[:, :, None])
    whole = codec.quantizer.encode(latents, LEVELS)[0].numpy()
    codes = encoded(encoder, audio, 1000).astype(np.int64)
    assert codes.shape == whole.shape
    for frame in np.flatnonzero((codes != whole).any(axis=0)):
        level = int(np.argmax(codes[:, frame] != whole[:, frame]))
        residual = latents[0, frame] - codec.quantizer.codebooks[range(level), whole[:level, frame]].sum(
            dim=0
        )
        chosen = codec.quantizer.codebooks[level, [codes[level, frame], whole[level, frame]]]
        first, second = (residual - chosen).square().sum(dim=1).tolist()
        assert abs(first - second) <= TIE * max(first, second)


@torch.inference_mode()
def test_audio_is_that_of_the_whole_signal(small_model: LoadedModel, decoder: DecoderSession) -> None:
    codes = random_codes(200)
    codec = codec_of(small_model)
    latents = codec.quantizer.decode(torch.from_numpy(codes.astype(np.int64))[None])
    whole = codec.decoder(latents)[:, codec.decoder.latency :, 0].numpy()
    assert np.abs(whole).max() > 1e-3  # the model is not silent
    np.testing.assert_allclose(decoded(decoder, codes, 60), whole, atol=1e-4, rtol=0)


@pytest.mark.parametrize("samples", [0, 1, 319, 320, 321, 24_000 - 1, 24_000, 24_000 + 1])
def test_frames_are_as_many_as_the_model_says(
    small_model: LoadedModel, encoder: EncoderSession, decoder: DecoderSession, samples: int
) -> None:
    codes = encoded(encoder, noise(samples), 4096)
    assert codes.shape == (LEVELS, codec_of(small_model).frames_for(samples))
    audio = decoded(decoder, codes, 4096)
    assert audio.dtype == np.float32
    assert samples <= audio.shape[1] < samples + HOP_SAMPLES


def test_streams_on_one_model_do_not_touch(small_model: LoadedModel) -> None:
    audios = noise(30_011, seed=1), noise(30_011, seed=2)
    alone = [encoded(EncoderSession(small_model, LEVELS), audio, 30_011) for audio in audios]
    encoders = EncoderSession(small_model, LEVELS), EncoderSession(small_model, LEVELS)
    decoders = DecoderSession(small_model), DecoderSession(small_model)
    codes: tuple[list[Codes], list[Codes]] = ([], [])
    sound: tuple[list[Block], list[Block]] = ([], [])
    for start in range(0, 30_011, 2_999):
        for stream in range(2):
            codes[stream].append(encoders[stream].push(audios[stream][:, start : start + 2_999]))
            sound[stream].append(decoders[stream].push(codes[stream][-1]))
    for stream in range(2):
        codes[stream].append(encoders[stream].finish())
        sound[stream].extend((decoders[stream].push(codes[stream][-1]), decoders[stream].finish()))
        np.testing.assert_array_equal(np.concatenate(codes[stream], axis=1), alone[stream])
        expected = decoded(DecoderSession(small_model), alone[stream], 1000)
        np.testing.assert_array_equal(np.concatenate(sound[stream], axis=1), expected)


def test_reset_begins_a_new_stream(encoder: EncoderSession, decoder: DecoderSession) -> None:
    audio, codes = noise(30_000), random_codes(100)
    expected_codes, expected_audio = encoded(encoder, audio, 30_000), decoded(decoder, codes, 100)
    encoder.push(noise(40_000, seed=1))
    decoder.push(random_codes(110, seed=1))
    encoder.reset()
    decoder.reset()
    np.testing.assert_array_equal(encoded(encoder, audio, 30_000), expected_codes)
    np.testing.assert_array_equal(decoded(decoder, codes, 100), expected_audio)


def test_the_callers_threads_are_given_back(encoder: EncoderSession, decoder: DecoderSession) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        decoder.push(encoder.push(noise(RATE_HZ)))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("levels", [0, 33])
def test_impossible_levels_are_refused(small_model: LoadedModel, levels: int) -> None:
    with pytest.raises(
        UsageError, match=f"^{levels} levels are not possible with base_24khz, which has 1 to 32$"
    ):
        EncoderSession(small_model, levels)


@pytest.mark.parametrize("heard_frames", [1, 74, 75, 80])
def test_a_loss_fades_out_in_the_place_of_one_frame(small_model: LoadedModel, heard_frames: int) -> None:
    codes = random_codes(heard_frames)
    heard = decoded(DecoderSession(small_model), codes, 1000)
    session = DecoderSession(small_model)
    audio = np.concatenate((session.push(codes), session.conceal()), axis=1)
    assert audio.shape[1] == heard_frames * HOP_SAMPLES
    np.testing.assert_array_equal(audio[:, : heard.shape[1]], heard)
    fading = audio[0, heard.shape[1] :]
    assert np.count_nonzero(fading[:200]) == 200
    np.testing.assert_array_equal(fading[240:], 0)  # after 10 ms


def test_losses_keep_the_time_of_what_follows(small_model: LoadedModel) -> None:
    session = DecoderSession(small_model)
    silence = session.conceal(), session.conceal()  # the first takes the place of the decoder's latency
    assert [block.shape[1] for block in silence] == [0, HOP_SAMPLES]
    heard = session.push(random_codes(85)), session.conceal()
    assert [block.shape[1] for block in heard] == [75 * HOP_SAMPLES, 11 * HOP_SAMPLES]
    again = session.conceal()
    np.testing.assert_array_equal(again, np.zeros((1, HOP_SAMPLES), np.float32))  # nothing is left to fade
    assert session.push(random_codes(75)).shape[1] == 75 * HOP_SAMPLES
    assert session.finish().shape[1] == 0
