"""The sound of a video as a WAV beside its take: what is heard at second t belongs to the frames of source time t."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from avatar_bridge.capture.file_times import JUMP_BACK_NS, in_ns, start_time_ns
from avatar_bridge.errors import VideoError

if TYPE_CHECKING:
    from av import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer

Samples = np.ndarray[Any, np.dtype[np.int16]]

_TOLERANCE_S: Final = 0.02
"""Sound that follows by so much too early or too late is no gap: many files count time roughly."""
_LEAST_SILENCE_S: Final = 3600.0


def extract_sound(video: Path, out: Path) -> float | None:
    """Write the first sound of a video as WAV, 16 bit, rate and channels as they are; gaps become silence.

    Returns:
        Its length in s, None where the video has no sound: then no file is made.

    Raises:
        VideoError: the video or its sound cannot be read. OSError: the file cannot be written.
    """
    import av

    try:
        container = av.open(str(video.resolve()))
    except (OSError, av.FFmpegError) as error:
        raise _unreadable(video, error) from None
    with container:
        if not container.streams.audio:
            return None
        stream = container.streams.audio[0]
        frames = _frames(video, container, stream)
        try:
            with av.open(str(out.resolve()), "w", format="wav", options={"rf64": "auto"}) as target:
                return _Writer(target, stream, _most_silence_s(container)).write_all(frames, start_time_ns(container))
        except av.FFmpegError as error:
            raise OSError(error.errno, error.strerror, str(out)) from None


def _frames(video: Path, container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    """Yield the sound in 16 bit; packets that are damaged are left out."""
    import av

    try:
        resampler = av.AudioResampler("s16", stream.layout, stream.rate)
        for packet in container.demux(stream):
            try:
                decoded = packet.decode()
            except av.InvalidDataError:
                continue
            for frame in decoded:
                yield from resampler.resample(frame)
        yield from resampler.resample(None)
    except (OSError, ValueError, av.FFmpegError) as error:  # ValueError: its form is impossible, or changes on the way
        raise _unreadable(video, error) from None


def _unreadable(video: Path, error: Exception) -> VideoError:
    reason = str(getattr(error, "strerror", None) or error).splitlines()[0]
    return VideoError(f"cannot read the sound of {video}: {reason}; --no-sound does without")


def _most_silence_s(container: InputContainer) -> float:
    """Return for how long the sound may be silent between its parts: more are wrong timestamps."""
    return max(_LEAST_SILENCE_S, (container.duration or 0) / 1e6)


class _Writer:
    """Appends sound where its time says."""

    def __init__(self, target: OutputContainer, stream: AudioStream, most_silence_s: float) -> None:
        self._target, self._rate, self._channels = target, stream.rate, stream.layout.nb_channels
        self._layout = stream.layout
        self._stream = target.add_stream("pcm_s16le", rate=stream.rate, layout=stream.layout)
        self._written = 0
        """Samples of each channel."""
        self._silence_left = round(most_silence_s * stream.rate)

    def write_all(self, frames: Iterator[AudioFrame], start_ns: int) -> float:
        for frame in frames:
            samples = np.asarray(frame.to_ndarray(), np.int16).reshape(-1, self._channels)
            if frame.pts is not None and frame.time_base is not None:
                samples = self._placed(samples, (in_ns(frame.pts, frame.time_base) - start_ns) / 1e9)
            self._append(samples)
        self._target.mux(self._stream.encode(None))
        return self._written / self._rate

    def _placed(self, samples: Samples, time_s: float) -> Samples:
        """Fill the gap before the samples with silence, or leave out those of a time that is written already."""
        gap = round(time_s * self._rate) - self._written
        if self._written and abs(gap) <= _TOLERANCE_S * self._rate:
            return samples
        if 0 < gap <= self._silence_left:
            self._silence_left -= gap
            while gap > 0:
                self._append(np.zeros((min(gap, self._rate), self._channels), np.int16))
                gap -= self._rate
        elif gap < 0 and -gap * 1e9 <= JUMP_BACK_NS * self._rate:
            return samples[-gap:]
        return samples

    def _append(self, samples: Samples) -> None:
        from av import AudioFrame

        if not len(samples):
            return
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples).reshape(1, -1), "s16", self._layout.name)
        frame.sample_rate, frame.pts = self._rate, self._written
        self._target.mux(self._stream.encode(frame))
        self._written += len(samples)
