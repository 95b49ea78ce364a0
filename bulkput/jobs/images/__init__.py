"""The images of a job: their disks looked at, registered over snapshots, listed and pruned."""
