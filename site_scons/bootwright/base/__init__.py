"""What everything else stands on: errors, files, locks, processes, digests."""
