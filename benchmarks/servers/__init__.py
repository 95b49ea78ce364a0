"""What the benchmarks put against: a sink faster than every client, and the emulator."""
