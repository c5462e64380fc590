"""The numbers of 98-limits that a chip needs."""

APDU_MAX = 1033  # bytes of a command
DATA_MAX = 1024  # bytes of the data of a chain
TLV_DEPTH_MAX = 8
CHANNEL_TRIES_MAX = 10
PIN_TRIES_MAX = 3
SLOTS = 4
SEQUENCE_MAX = 0xFFFFFF
ATC_MAX = 0xFFFF
