"""Cuts, scales, watermarks and encodes a clip: python moviepy.py CLIP MARK RESULT"""

import sys

from moviepy import CompositeVideoClip, ImageClip, VideoFileClip

source, mark, result = sys.argv[1:]
# moviepy is fastest when `ffmpeg` scales while decoding.
with VideoFileClip(source, target_resolution=(1280, 720), resize_algorithm="bicubic") as clip:
    clip = clip.subclipped(0, 30)
    mark = ImageClip(mark).with_position((384, 658)).with_duration(clip.duration)
    CompositeVideoClip([clip, mark]).write_videofile(
        result,
        codec="libx264",
        preset="veryfast",
        audio_codec="aac",
        audio_bitrate="128k",
        ffmpeg_params=["-crf", "23", "-profile:v", "high", "-pix_fmt", "yuv420p"]
        + ["-maxrate", "8M", "-bufsize", "16M", "-g", "60", "-movflags", "+faststart"],
        logger=None,
    )
