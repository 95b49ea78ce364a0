"""What lies in the state folder, as the verbs use it."""
