"""Where we differ on purpose from what others read of their playlists, and why. Nothing else may differ."""

from tests.kit.oracles import by_m3u8, by_streamlink

FIXTURES = 'test/fixtures/integration'

COUNTS = {
    'm3u8-parser@7.2.0': (60, 11),
    '@eyevinn/hls-vodtolive@4.1.10': (267, 65),
    '@eyevinn/hls-splice@0.4.11': (97, 22),
    '@eyevinn/hls-truncate@0.3.3': (64, 24),
    '@eyevinn/hls-repeat@0.3.0': (17, 4),
    '@eyevinn/m3u8@0.5.9': (3, 1),
    'm3u8@0.0.10': (3, 1),
    'm3u8-reader@1.1.0': (1, 1),
    'm3u8==6.0.0': (10, 9),
    'streamlink==8.6.3': (9, 7),
    'yt-dlp==2026.10.26': (2, 2),
}
"""Playlists in each, and masters among them."""

NO_PLAYLIST = {
    f'{FIXTURES}/empty.m3u8': 'there is nothing in it',
    f'{FIXTURES}/headerOnly.m3u8': 'there is only the first line',
    f'{FIXTURES}/manifestNoExtM3u.m3u8': 'there is no first line',
    f'{FIXTURES}/start.m3u8': 'there is no first line',
    f'{FIXTURES}/master.m3u8': 'the first line is a comment',
    f'{FIXTURES}/streamInfInvalid.m3u8': 'the first line is a comment',
}

SKIPPED = {
    'it has no EXTINF': 'a segment of no known length has no place in time',
    'EXTINF:': 'the same, if the length is zero or no number',
    'nothing of that resource is before it': 'RFC 8216 4.3.2.2: such a range is undefined',
    "'587500@' is no byte range": 'half an offset is none',
    'it is encrypted for': 'only players with a licence have the key',
}
"""Why we skip segments that others count."""


MAP_ENDS = 'Streamlink ends the init section at a discontinuity; RFC 8216 4.3.2.5 has it hold until the next'
BLANK = 'Streamlink keeps a blank at the end of a URI'
NUMBER = 'a number that cannot be read costs them the playlist'
DIFFERENT = {
    (f'{FIXTURES}/emptyMediaSequence.m3u8', by_m3u8): ({'it refuses'}, NUMBER),
    (f'{FIXTURES}/emptyMediaSequence.m3u8', by_streamlink): ({'it refuses'}, NUMBER),
    (f'{FIXTURES}/invalidMediaSequence.m3u8', by_m3u8): ({'it refuses'}, NUMBER),
    (f'{FIXTURES}/invalidMediaSequence.m3u8', by_streamlink): ({'it refuses'}, NUMBER),
    (f'{FIXTURES}/invalidTargetDuration.m3u8', by_m3u8): ({'it refuses'}, NUMBER),
    (f'{FIXTURES}/versionInvalid.m3u8', by_m3u8): ({'it refuses'}, NUMBER),
    (f'{FIXTURES}/versionInvalid.m3u8', by_streamlink): ({'it refuses'}, NUMBER),
    (f'{FIXTURES}/extinf.m3u8', by_m3u8): ({'it refuses'}, NUMBER),
    (f'{FIXTURES}/whiteSpace.m3u8', by_streamlink): ({'uri'}, BLANK),
    ('testvectors/hls_deltatimes/1212000.m3u8', by_streamlink): ({'uri'}, BLANK),
    ('testvectors/hls_subs5_preroll/audio.m3u8', by_streamlink): ({'init'}, MAP_ENDS),
    ('testvectors/hls_subs5_preroll/level_0.m3u8', by_streamlink): ({'init'}, MAP_ENDS),
    ('testvectors/hls_cmaf_2/test-audio=256000.m3u8', by_streamlink): ({'init'}, MAP_ENDS),
    ('testvectors/hls_cmaf_2/test-video=2500000.m3u8', by_streamlink): ({'init'}, MAP_ENDS),
    ('testvectors/hls_cmaf_2/test-video=3500000.m3u8', by_streamlink): ({'init'}, MAP_ENDS),
    ('testvectors/hls_cmaf_demux_3_pre/test-audio=256000.m3u8', by_streamlink): ({'init'}, MAP_ENDS),
    ('testvectors/hls_cmaf_demux_3_pre/test-video=2500000.m3u8', by_streamlink): ({'init'}, MAP_ENDS),
    ('tests/resources/hls/test_date.m3u8', by_m3u8): ({'it refuses'}, 'it asks every DATERANGE for an ID'),
}
"""What differs from whose reading of a media playlist, and why; that is all that does."""

REFUSED_MASTERS = {
    (f'{FIXTURES}/emptyTargetDuration.m3u8', 'm3u8'): NUMBER,
    (f'{FIXTURES}/emptyTargetDuration.m3u8', 'Streamlink'): NUMBER,
    ('tests/resources/hls/test_multivariant_bandwidth.m3u8', 'm3u8'): 'a variant has no BANDWIDTH',
}
"""Who refuses which master playlist."""

MASTERS_ALONE = {'m3u8-reader@1.1.0', 'yt-dlp==2026.10.26'}


VIDEOJS_DIFFERENT = {
    'byteRange': ({'count'}, 'a range that follows nothing of its resource: see SKIPPED'),
    'llhls-byte-range': ({'count'}, 'the same, and half an offset'),
    'extinf': ({'count'}, 'it gives what has no length the one before, or 0.01 s'),
    'missingExtinf': ({'count'}, 'it gives what has no length the one before'),
    'liveMissingSegmentDuration': ({'count'}, 'it gives what has no length the target duration'),
    'missingSegmentDuration': ({'count'}, 'it gives what has no length the target duration'),
    'multipleTargetDurations': ({'count'}, 'it gives what has no length the target duration'),
    'zeroDuration': ({'count'}, 'it makes 0 s 0.01 s'),
    'invalidTargetDuration': ({'target'}, 'it does without; we take the longest segment'),
    'manifestExtTTargetdurationNegative': ({'target'}, 'it does without; we take the longest segment'),
}
"""Where we differ from what m3u8-parser expects of its own playlists."""
