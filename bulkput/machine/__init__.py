"""What this machine's kernel reports of files, devices, processes and limits.

It lies below `source`, `target`, `ledger` and `jobs`, which must not import each other and need the
same answers: a disk that may not be read because somebody writes to it may not be written either.
It knows no snapshot, no ledger and no exit code: it finds out, and who asks decides.
"""
