"""Attention by law: piece by piece equals all at once, however small the pieces, whoever sees what."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from generalist.model import layers, sharing
from generalist.model.sharing import Sight, shared_attention


@settings(max_examples=60, deadline=None)
@given(
    requests=st.integers(1, 3),
    heads=st.integers(1, 4),
    tracks=st.integers(1, 5),
    new=st.integers(1, 3),
    before=st.integers(0, 3),
    read=st.integers(1, 9),
    picture=st.sampled_from([0, 7]),
    room=st.sampled_from([1, 60, 1 << 20]),
    seed=st.integers(0, 99),
)
def test_pieces_are_the_whole(requests, heads, tracks, new, before, read, picture, room, seed):
    random = torch.Generator().manual_seed(seed)

    def noise(*shape):
        return torch.randn(shape, generator=random)

    R, H, E, S = requests, heads, 8, before + new
    past = noise(R, H, read, E), noise(R, H, read, E)
    shown = (noise(1, H, picture, E), noise(1, H, picture, E)) if picture else None
    mask = torch.zeros(R, 1, 1, read)
    mask[-1, ..., 1:] = float("-inf") if seed % 2 else 0.0
    early = torch.ones(new, S, dtype=torch.bool).tril(before)
    own_mask = torch.zeros(new, S).masked_fill_(~early, float("-inf")) if new > 1 else None
    held = noise(R, H, tracks, S + 2, E), noise(R, H, tracks, S + 2, E)  # places that nothing was written to yet
    own = held[0][:, :, :, :S], held[1][:, :, :, :S]
    q, sight = noise(R, H, tracks * new, E), Sight(past, mask, shown, own_mask)
    with torch.no_grad(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sharing, "ROOM", room)
        patch.setattr(sharing, "FEW", 1)
        pieces = shared_attention(q, sight, own)
    torch.testing.assert_close(pieces, sharing._written_out(q, sight, own), atol=1e-5, rtol=1e-5)


def test_a_picture_is_read_in_pieces_as_torch_would(monkeypatch):
    """In bfloat16 scores are rounded before they are exponentiated, as they are in training."""
    random = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, 3, 80, 16, generator=random) for _ in range(3))
    whole = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    with torch.inference_mode():
        for room in (1, 20_000, 1 << 20):
            monkeypatch.setattr(sharing, "ROOM", room)
            pieces = layers._attend(q.bfloat16(), k.bfloat16(), v.bfloat16(), None, None)
            torch.testing.assert_close(pieces.float(), whole, atol=2e-2, rtol=2e-2)
