"""tools/bench: bootwright beside cargo bootimage, measured in one run on one machine."""
