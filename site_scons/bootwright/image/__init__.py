"""What lies on a disk: layout, partition tables, the kernel file."""
