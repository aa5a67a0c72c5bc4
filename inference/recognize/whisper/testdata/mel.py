"""Whisper's features by numpy: an implementation that shares nothing with the one in Go.
Prints every 7th number of them, for the sound of TestFeatures. usage: python3 mel.py > mel.json"""
import json
import numpy as np

RATE, N, HOP = 16000, 400, 160


def sound(samples):
    t = np.arange(samples) / RATE
    return (0.4 * np.sin(2 * np.pi * (100 + 900 * t) * t) * (t < 0.9) + 0.01 * np.sin(2 * np.pi * 3000 * t)).astype(np.float32)


def hz_to_mel(f):
    return np.where(f < 1000, 3 * f / 200, 15 + 27 * np.log(np.maximum(f, 1e-9) / 1000) / np.log(6.4))


def mel_to_hz(m):
    return np.where(m < 15, 200 * m / 3, 1000 * np.exp(np.log(6.4) * (m - 15) / 27))


def filters(bands):
    edges = mel_to_hz(np.linspace(hz_to_mel(np.array(0.0)), hz_to_mel(np.array(8000.0)), bands + 2))
    lines = np.fft.rfftfreq(N, 1 / RATE)
    ramps = edges[:, None] - lines[None, :]
    widths = np.diff(edges)
    rising, falling = -ramps[:-2] / widths[:-1, None], ramps[2:] / widths[1:, None]
    return np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]


def features(x, bands, frames):
    x = np.concatenate([x, np.zeros(max(0, frames * HOP - len(x)), np.float32)])[: frames * HOP].astype(np.float64)
    x = np.pad(x, N // 2, mode="reflect")
    hann = np.hanning(N + 1)[:-1]
    rows = np.stack([x[i * HOP : i * HOP + N] * hann for i in range(frames)])
    power = np.abs(np.fft.rfft(rows, axis=1)) ** 2
    level = np.log10(np.maximum(filters(bands) @ power.T, 1e-10))
    return (np.maximum(level, level.max() - 8) + 4) / 4


out = {}
for bands, samples, frames in ((80, 16000, 100), (80, 15990, 130), (128, 8000, 30)):
    out[f"{bands} {samples} {frames}"] = [float("%.6g" % v) for v in features(sound(samples), bands, frames).reshape(-1)[::7]]
print(json.dumps(out))
