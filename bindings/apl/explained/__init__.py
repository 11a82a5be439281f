"""Why a commune or a BVCV has its value and its class, without showing anybody's own activity."""
