from baton_vllm.counters import Counters


def test_a_guarded_hook_that_throws_gives_its_fallback_and_is_counted() -> None:
    counters = Counters()

    def broken() -> int:
        raise RuntimeError("no")

    assert [counters.guard("hook", 7, broken) for _ in range(2)] == [7, 7]
    assert counters.guard("hook", 7, lambda: 8) == 8
    assert counters.values["errors.hook"] == 2


def test_counts_are_taken_once() -> None:
    counters = Counters()
    counters.add("a", 2)
    assert counters.take() == {"a": 2}
    assert counters.take() == {}
    counters.add("a")
    counters.add("b")
    assert counters.take() == {"a": 1, "b": 1}
    assert counters.values["a"] == 3
