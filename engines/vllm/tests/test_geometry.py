import pytest

from baton_vllm.geometry import chunk_counts, head_range


def test_a_prompt_is_cut_into_full_chunks_and_a_tail() -> None:
    assert chunk_counts(0, 256) == []
    assert chunk_counts(255, 256) == [255]
    assert chunk_counts(256, 256) == [256]
    assert chunk_counts(700, 256) == [256, 256, 188]


@pytest.mark.parametrize(("heads", "tp"), [(8, 1), (8, 2), (8, 8), (2, 8), (1, 4), (32, 4)])
def test_every_stripe_has_exactly_one_writing_rank(heads: int, tp: int) -> None:
    for layer in range(5):
        writers = [0] * heads
        for rank in range(tp):
            held = head_range(heads, tp, rank)
            for head in range(held.first, held.first + held.count):
                writers[head] += held.writes(layer)
        assert writers == [1] * heads


def test_ranks_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match="do not divide"):
        head_range(3, 2, 0)
    with pytest.raises(ValueError, match="do not divide"):
        head_range(3, 8, 0)
    with pytest.raises(ValueError, match="outside"):
        head_range(8, 2, 2)
