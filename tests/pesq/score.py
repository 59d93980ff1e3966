"""Scores what a phone heard against what was said: PESQ-WB (ITU-T P.862.2), median of the given runs.

    score.py REFERENCE.wav HEARD.wav [HEARD.wav ...] [--least 4.0] [--json]

Both are mono WAV files at any rate. Each HEARD is aligned with the reference by cross-correlation first, so that what
was recorded before and after the speech does not count; what is missing of the speech does. Exits 0 when the median
of the scores is at least `--least`, 1 when it is less, 2 when a file cannot be scored.
"""

import argparse
import json
import statistics
import sys

import numpy as np
from pesq import PesqError, pesq
from scipy.io import wavfile
from scipy.signal import correlate, resample_poly

RATE_HZ = 16_000
# Fewer samples than this in common cannot be speech.
LEAST_SAMPLES = RATE_HZ


class Unscorable(Exception):
    """The file cannot be scored, and why."""


def read(path):
    """Mono samples of a 16-bit WAV at 16 kHz, as floats."""
    rate, samples = wavfile.read(path)
    if samples.ndim != 1 or samples.dtype != np.int16:
        raise Unscorable(f"{path}: not mono 16-bit")
    samples = samples.astype(np.float64)
    return samples if rate == RATE_HZ else resample_poly(samples, RATE_HZ, rate)


def align(reference, heard):
    """The part of `heard` that begins where `reference` does, padded to its length, and the delay in samples."""
    if len(heard) < LEAST_SAMPLES or np.max(np.abs(heard)) < 100:
        raise Unscorable("nothing was heard")
    delay = int(np.argmax(correlate(heard, reference, mode="full", method="fft"))) - (len(reference) - 1)
    shifted = heard[delay:] if delay >= 0 else np.concatenate([np.zeros(-delay), heard])
    part = shifted[: len(reference)]
    return np.concatenate([part, np.zeros(len(reference) - len(part))]), delay


def score(reference, heard):
    aligned, delay = align(reference, heard)
    try:
        value = pesq(RATE_HZ, reference.astype(np.int16), aligned.round().clip(-32768, 32767).astype(np.int16), "wb")
    except PesqError as error:
        raise Unscorable(str(error)) from error
    return value, delay


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reference")
    parser.add_argument("heard", nargs="+")
    parser.add_argument("--least", type=float, default=4.0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    try:
        reference = read(arguments.reference)
        scores = [score(reference, read(path)) for path in arguments.heard]
    except (Unscorable, OSError, ValueError) as error:
        print(f"cannot be scored: {error}", file=sys.stderr)
        return 2
    median = statistics.median(value for value, _ in scores)
    ok = median >= arguments.least
    if arguments.json:
        runs = [{"pesq_wb": round(value, 3), "delay_ms": round(delay * 1000 / RATE_HZ, 1)} for value, delay in scores]
        print(json.dumps({"pesq_wb_median": round(median, 3), "least": arguments.least, "ok": ok, "runs": runs}))
    else:
        for path, (value, delay) in zip(arguments.heard, scores):
            print(f"{value:.3f}  delay {delay * 1000 / RATE_HZ:6.1f} ms  {path}")
        print(f"median {median:.3f}, at least {arguments.least:.2f} wanted: {'ok' if ok else 'TOO LOW'}")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
