"""Why a machine died."""
