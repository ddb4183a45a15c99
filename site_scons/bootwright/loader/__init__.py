"""Our boot loader: how it is built, what it says when it fails."""
