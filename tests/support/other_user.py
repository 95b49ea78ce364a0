"""What another user of the machine does: run in a child process that has become that user."""

import os
import pickle
import traceback


def as_user(user_id, act):
    """Run ``act`` as a user with no groups; return what it returns, or raise what it raises."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _become(user_id, act, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        answer = file.read()
    os.waitpid(child, 0)
    is_error, result = pickle.loads(answer)
    if is_error:
        raise AssertionError(result)
    return result


def _become(user_id, act, writing):
    try:
        os.setgroups([])
        os.setgid(user_id)
        os.setuid(user_id)
        answer = (False, act())
    except BaseException:  # noqa: BLE001 - the parent raises it
        answer = (True, traceback.format_exc())
    try:
        os.write(writing, pickle.dumps(answer))
    finally:
        os._exit(0)
