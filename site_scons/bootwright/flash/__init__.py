"""Writing an image to a stick, and which disks will do."""
