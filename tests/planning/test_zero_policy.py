"""The zero policy: nothing is left out of an encrypted snapshot, whatever is asked for."""

import pytest

from bulkput.model.errors import ConfigError
from bulkput.model.zeros import ZeroPolicy
from bulkput.planning.zeros import resolve_zero_policy


@pytest.mark.parametrize(
    ("requested", "policy", "put_holes", "put_zeros"),
    [
        (ZeroPolicy.AUTO, ZeroPolicy.SKIP, False, False),
        (ZeroPolicy.SKIP, ZeroPolicy.SKIP, False, False),
        (ZeroPolicy.SKIP_HOLES, ZeroPolicy.SKIP_HOLES, False, True),
        (ZeroPolicy.WRITE, ZeroPolicy.WRITE, True, True),
    ],
)
def test_an_unencrypted_snapshot_gets_what_was_asked_for(
    requested, policy, put_holes, put_zeros
) -> None:
    resolved = resolve_zero_policy(requested, encrypted=False)
    assert (resolved.policy, resolved.put_holes, resolved.put_zeros) == (
        policy,
        put_holes,
        put_zeros,
    )
    assert ("unencrypted" in resolved.reason) == (not put_holes)


@pytest.mark.parametrize("requested", [ZeroPolicy.AUTO, ZeroPolicy.WRITE])
def test_an_encrypted_snapshot_gets_every_block(requested) -> None:
    resolved = resolve_zero_policy(requested, encrypted=True)
    assert resolved.policy is ZeroPolicy.WRITE
    assert resolved.put_holes
    assert resolved.put_zeros
    assert "noise" in resolved.reason


@pytest.mark.parametrize(
    ("encrypted", "put_zeros", "words"),
    [(True, True, "noise there, as they do here"), (False, False, "zeros here")],
)
def test_what_an_encrypted_source_lacks_is_noise_and_needs_no_put(
    encrypted, put_zeros, words
) -> None:
    resolved = resolve_zero_policy(
        ZeroPolicy.AUTO, encrypted=encrypted, unwritten_is_undefined=True
    )
    assert (resolved.put_holes, resolved.put_zeros) == (False, put_zeros)
    assert words in resolved.reason


def test_noise_is_put_as_zeros_where_every_block_is_asked_for() -> None:
    resolved = resolve_zero_policy(ZeroPolicy.WRITE, encrypted=True, unwritten_is_undefined=True)
    assert resolved.put_holes


@pytest.mark.parametrize("requested", [ZeroPolicy.SKIP, ZeroPolicy.SKIP_HOLES])
def test_skipping_in_an_encrypted_snapshot_is_refused_with_the_reason(requested) -> None:
    with pytest.raises(ConfigError, match=f"zeros: {requested} .* encrypted, .* noise") as caught:
        resolve_zero_policy(requested, encrypted=True)
    assert [problem.path for problem in caught.value.problems] == ["zeros"]


@pytest.mark.parametrize("encrypted", [True, False])
def test_every_policy_has_an_answer(encrypted) -> None:
    for requested in ZeroPolicy:
        try:
            resolved = resolve_zero_policy(requested, encrypted=encrypted)
        except ConfigError:
            assert encrypted
        else:
            assert resolved.policy is not ZeroPolicy.AUTO
            assert resolved.reason.endswith(".")
