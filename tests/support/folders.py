"""The folders of uploads in a state folder."""


def folders(state_dir):
    return sorted(
        path
        for path in state_dir.iterdir()
        if path.is_dir() and path.name not in {"manifests", "runs"}
    )


# jobs
