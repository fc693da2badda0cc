"""The options of the copy in S3, and of what is let go once it is there."""

from dataclasses import dataclass
from datetime import timedelta

from common.config import option
from common.errors import UsageError
from common.kinds import (
    BUCKET,
    INTERVAL,
    PERCENT,
    SECONDS,
    SIZE,
    SPAN,
    SWITCH,
    URL,
    one_of,
    optional,
)
from common.settings.backfiller import Backfiller


@dataclass(frozen=True)
class Mirror:
    """Copies complete hours to S3. Credentials come from where boto3 looks for them."""

    bucket: str = option('', optional(BUCKET), 'The bucket, and a prefix in it; empty: none.')
    endpoint_url: str = option('', optional(URL), "The S3 server; empty: Amazon's.")
    layout: str = option(
        'segments',
        one_of('segments', 'hour'),
        'One object a segment, or one for an hour by multipart upload, with late segments beside it.',
    )
    settle: float = option(300.0, SECONDS, 'An hour is left alone for this long after its end.')
    settle_max: float = option(
        21_600.0, SECONDS, 'After this long it is mirrored even if peers hold something else.'
    )
    mirror_interval: float = option(60.0, INTERVAL, 'Time between looks for hours to mirror.')
    verify_interval: float = option(
        86_400.0, SECONDS, 'How often what is mirrored is listed and compared again; 0: never.'
    )
    verify_sample: float = option(
        0.0,
        PERCENT,
        'How much of each mirrored hour is read back and hashed every verify_interval, at least one segment; '
        '0: nothing.',
    )
    verify_rate: int = option(5_000_000, SIZE, 'The most bytes a second that are read back; 0: no limit.')
    live: bool = option(
        False, SWITCH, 'Whether new segments are put at once, with live playlists that players can follow.'
    )
    mirror_live_window: float = option(
        60.0, SECONDS, 'How much of the newest video a live playlist in the bucket holds.'
    )
    s3_checksums: str = option(
        'when_required',
        one_of('when_required', 'when_supported'),
        'Whether boto3 adds its own checksums; our SHA-256 is always sent.',
    )


@dataclass(frozen=True)
class Retention:
    """Lets old hours go when they are mirrored, and does not fetch them back."""

    keep: timedelta | None = option(
        None,
        optional(SPAN, None),
        'Hours that ended longer ago are let go, not before they were seen to be that old, and unchanged, '
        'for an hour; empty: no hour goes for its age.',
    )
    keep_bytes: int = option(
        0,
        SIZE,
        'The most bytes of segments to hold: above it the oldest hours are let go, but none of the newest '
        '24 hours; 0: no limit.',
    )
    min_free: int = option(
        0,
        SIZE,
        "The least bytes to leave free on the store's file system: below it the oldest hours are let go, "
        'but none of the newest 24 hours, and nothing is fetched; 0: no limit.',
    )
    keep_unmirrored: bool = option(
        True,
        SWITCH,
        'Whether hours stay, whatever the limits say, until they are mirrored and the bucket was found to '
        'hold all of them; with false they are deleted although they may exist nowhere else.',
    )
    retention_interval: float = option(300.0, INTERVAL, 'Time between looks for hours to let go.')

    @property
    def is_limited(self) -> bool:
        """Whether there is any limit at all."""
        return bool(self.keep or self.keep_bytes or self.min_free)

    def check(self, mirror: Mirror, backfiller: Backfiller) -> None:
        """Raises UsageError for limits under which no hour could ever go."""
        if not (self.is_limited and self.keep_unmirrored):
            return
        otherwise = 'or --keep-unmirrored false to delete hours that may exist nowhere else'
        if not mirror.bucket:
            raise UsageError(
                'keep, keep_bytes and min_free let go of mirrored hours only: give the bucket, '
                f'--bucket s3://BUCKET/PREFIX, {otherwise}'
            )
        if backfiller.since:
            raise UsageError(
                'since leaves older hours out of the mirror, and keep, keep_bytes and min_free let go of '
                f'mirrored hours only: leave out --since, {otherwise}'
            )
