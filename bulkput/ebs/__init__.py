"""The service: signatures, wire forms, errors, transport and credentials."""
