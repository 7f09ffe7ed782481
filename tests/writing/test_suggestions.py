"""What is suggested is what enumerating every continuation finds."""

from collections import Counter
from functools import lru_cache

import numpy as np
import pytest
from nets import follower_model, random_model

from charnn.config import SampleConfig
from charnn.nn.blend import extend
from charnn.writing.suggestions import BATCH, Budget, Cancelled, suggest, warm_up
from charnn.writing.units import CHAR, ENDS_AFTER, ENDS_BEFORE, LINE, START, units
from charnn.writing.voices import Voice, Voices

ONE = Voices.of([Voice("one", random_model("a b\n", seed=1, scale=0.5))])
TWO = Voices.of([ONE.voices[0], Voice("two", random_model("b ac", seed=2, scale=0.5))], [0.3, 0.7])
WORD = units()["word"]
PLAIN = SampleConfig(1.0)
SETTINGS = [
    PLAIN,
    SampleConfig(0.6),
    SampleConfig(1.5, top_k=3),
    SampleConfig(1.0, top_p=0.8),
    SampleConfig(0.9, min_p=0.3),
]
TEXT = "ab a"
DEPTH = 6


@lru_cache(maxsize=100_000)
def following(voices, text, settings):
    log_probs = voices.log_probs(voices.begin(text), settings)[0]
    return dict(zip(voices.vocabulary.characters, np.exp(np.asarray(log_probs, np.float64)).tolist(), strict=True))


def enumerate_units(voices, text, unit, settings, prefix="", depth=DEPTH):
    """Every unit of at most `depth` further characters with its probability, and the mass of all longer ones."""
    found, open_masses = {}, []

    def visit(rest, state, mass):
        if len(rest) == depth:
            open_masses.append(mass)
            return
        for character, p in following(voices, text + rest, settings).items():
            after = unit.follow(state, character)
            if after in (ENDS_BEFORE, ENDS_AFTER):
                whole = prefix + rest + (character if after == ENDS_AFTER else "")
                found[whole] = found.get(whole, 0) + mass * p
            elif mass * p > 0:
                visit(rest + character, after, mass * p)

    state = START
    for character in prefix:
        state = unit.follow(state, character)
    visit("", state, 1.0)
    return {text: p for text, p in found.items() if p > 0}, open_masses


def assert_likeliest(suggestions, found, open_masses, k):
    expected = sorted(found.items(), key=lambda item: -item[1])[:k]
    assert max(open_masses, default=0) <= expected[-1][1], "else enumerating is not deep enough"
    assert suggestions.exact
    assert [item.probability for item in suggestions.items] == pytest.approx([p for _, p in expected], rel=1e-4)
    for item in suggestions.items:
        assert found[item.text] == pytest.approx(item.probability, rel=1e-4)
        assert item.complete
    assert len({item.text for item in suggestions.items}) == len(expected)
    assert suggestions.leftover == pytest.approx(1 - sum(p for _, p in expected), abs=1e-5)
    rest = max([*open_masses, *(p for text, p in found.items() if text not in dict(expected)), 0])
    assert rest - 1e-6 <= suggestions.bound


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("voices", [ONE, TWO], ids=["one voice", "two voices"])
def test_words_are_those_that_enumerating_finds(voices, settings):
    found, open_masses = enumerate_units(voices, TEXT, WORD, settings)
    assert sum(found.values()) + sum(open_masses) == pytest.approx(1, abs=1e-5)
    for k in (1, 3):
        suggestions = suggest(voices, voices.begin(TEXT), WORD, k, settings)
        assert_likeliest(suggestions, found, open_masses, min(k, len(found)))


@pytest.mark.parametrize("voices", [ONE, TWO], ids=["one voice", "two voices"])
def test_all_words_and_the_leftover_are_one(voices):
    settings = SampleConfig(1.0, top_k=2)
    suggestions = suggest(voices, voices.begin(TEXT), WORD, 200, settings, budget=Budget(nodes=512))
    found, _ = enumerate_units(voices, TEXT, WORD, settings, depth=9)
    assert sum(item.probability for item in suggestions.items) + suggestions.leftover == pytest.approx(1, abs=1e-6)
    assert len({item.text for item in suggestions.items}) == len(suggestions.items) > 50
    short = [item for item in suggestions.items if item.text in found]
    assert len(short) > 10
    for item in short:
        assert item.probability == pytest.approx(found[item.text], rel=1e-4)


@pytest.mark.parametrize("prefix", ["a", " ", " b", "ba"])
def test_a_typed_prefix_conditions(prefix):
    """The probabilities are those of all words that begin so, divided by what they sum to."""
    voices, settings = TWO, SampleConfig(0.8)
    reading = voices.begin(TEXT + prefix)
    suggestions = suggest(voices, reading, WORD, 3, settings, prefix=prefix)
    found, open_masses = enumerate_units(voices, TEXT + prefix, WORD, settings, prefix)
    assert_likeliest(suggestions, found, open_masses, 3)
    assert all(item.text == prefix + item.rest for item in suggestions.items)
    every, _ = enumerate_units(voices, TEXT, WORD, settings, depth=4)
    p_prefix = np.prod([following(voices, TEXT + prefix[:n], settings)[prefix[n]] for n in range(len(prefix))])
    for item in suggestions.items:
        if len(item.text) <= 3:
            assert item.probability == pytest.approx(every[item.text] / p_prefix, rel=1e-4)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_characters_are_the_distribution(settings):
    suggestions = suggest(TWO, TWO.begin(TEXT), CHAR, 3, settings)
    expected = sorted(following(TWO, TEXT, settings).items(), key=lambda item: -item[1])
    likely = [(text, p) for text, p in expected[:3] if p > 0]
    assert [item.text for item in suggestions.items] == [text for text, _ in likely]
    assert [item.probability for item in suggestions.items] == pytest.approx([p for _, p in likely], rel=1e-5)
    assert suggestions.exact
    assert suggestions.opened == 0


@pytest.mark.parametrize("name", ["line", "bar"])
def test_lines_and_bars_have_their_probabilities(name):
    voices = Voices.of([Voice("music", random_model("a|\n", seed=5, scale=0.7))])
    unit = units("music")[name]
    found, open_masses = enumerate_units(voices, "a", unit, PLAIN, depth=8)
    suggestions = suggest(voices, voices.begin("a"), unit, 1000, PLAIN, budget=Budget(length=8))
    ours = {item.text: item.probability for item in suggestions.items if item.complete}
    assert len(ours) > 8
    for text, probability in ours.items():
        assert probability == pytest.approx(found[text], rel=1e-4)
    cut_off = [item for item in suggestions.items if not item.complete]
    masses = np.array(open_masses)
    for item in cut_off:
        assert np.abs(masses / item.probability - 1).min() < 1e-4
    assert sum(item.probability for item in suggestions.items) + suggestions.leftover == pytest.approx(1, abs=1e-6)
    for k in (1, 3, len(ours)):
        fewer = suggest(voices, voices.begin("a"), unit, k, PLAIN, budget=Budget(length=8))
        assert fewer.items == suggestions.items[:k]
        shown = {item.text for item in fewer.items}
        assert max(p for text, p in found.items() if text not in shown) <= fewer.bound * 1.0001
        assert fewer.exact == (fewer.bound <= min(item.probability for item in fewer.items))
    assert not suggestions.exact, "some were cut off"


def test_lines_are_ranked_by_what_their_characters_cost_the_best_of_each_beginning_first():
    """Of whole lines each cost is at least that of the one before, but for the second of a beginning and so on."""
    voices = Voices.of([Voice("words", random_model("ab \n", seed=5, scale=0.7))])
    items = suggest(voices, voices.begin("a"), LINE, 100, PLAIN, budget=Budget(length=12)).items
    assert [item.complete for item in items] == sorted((item.complete for item in items), reverse=True)
    rounds, seen = {}, Counter()
    for item in items:
        if item.complete:
            beginning = "".join(item.text.split()[:1])
            rounds.setdefault(seen[beginning], []).append(-np.log(item.probability) / (len(item.text) + 5) ** 0.7)
            seen[beginning] += 1
    assert len(rounds) > 2
    whole = [item for item in items if item.complete]
    assert [len(costs) for costs in rounds.values()] == sorted(map(len, rounds.values()), reverse=True)
    at = 0
    for costs in rounds.values():
        assert costs == sorted(costs)
        assert len({"".join(item.text.split()[:1]) for item in whole[at : at + len(costs)]}) == len(costs)
        at += len(costs)


def test_a_line_that_can_only_be_one_is_found_and_exact():
    voices = Voices.of([Voice("one", follower_model({"a": {"b": 1}, "b": {"c": 1}, "c": {"\n": 1}, "\n": {"a": 1}}))])
    suggestions = suggest(voices, voices.begin("\n"), LINE, 5, PLAIN)
    assert [(item.text, item.complete) for item in suggestions.items if item.probability > 1e-6] == [("abc", True)]
    assert suggestions.items[0].probability == pytest.approx(1)


def test_a_long_line_is_cut_off_and_says_so():
    suggestions = suggest(ONE, ONE.begin(TEXT), LINE, 20, SampleConfig(2.0), budget=Budget(length=3))
    cut_off = [item for item in suggestions.items if not item.complete]
    assert cut_off
    assert len(cut_off) < 20
    assert not suggestions.exact
    for item in suggestions.items:
        p = np.prod([following(ONE, TEXT + item.text[:n], SampleConfig(2.0))[c] for n, c in enumerate(item.text)])
        end = following(ONE, TEXT + item.text, SampleConfig(2.0))["\n"]
        expected = p * (end if item.complete else 1)
        assert item.probability == pytest.approx(expected, rel=1e-4)
        assert len(item.text) == 3 or item.complete
    assert sum(item.probability for item in suggestions.items) + suggestions.leftover == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("nodes", [1, 5, 40])
def test_a_search_that_ends_early_says_what_it_may_have_missed(nodes):
    """However small the budget: what is found is true, and what is not is no likelier than the bound."""
    settings, k = SampleConfig(1.0), 12
    found, _ = enumerate_units(ONE, TEXT, WORD, settings, depth=7)
    suggestions = suggest(ONE, ONE.begin(TEXT), WORD, k, settings, budget=Budget(nodes=nodes))
    assert suggestions.opened <= nodes
    mine = {item.text: item.probability for item in suggestions.items}
    for text, p in mine.items():
        assert p == pytest.approx(found[text], rel=1e-4)
    missed = max(p for text, p in found.items() if text not in mine)
    assert missed <= suggestions.bound * 1.0001
    least = min(mine.values(), default=0.0)
    assert suggestions.exact == (suggestions.bound <= least)
    if nodes == 1:
        assert not suggestions.exact
        assert len(mine) < k


def test_a_word_without_end_is_given_up():
    endless = units(delimiters="$")["word"]  # which the net never writes
    suggestions = suggest(ONE, ONE.begin(TEXT), endless, 3, SampleConfig(0.0), budget=Budget(length=5))
    assert suggestions.items == ()
    assert suggestions.opened == 5
    assert not suggestions.exact
    assert suggestions.bound == suggestions.leftover == 1


def test_no_time_is_no_search():
    suggestions = suggest(ONE, ONE.begin(TEXT), WORD, 3, PLAIN, budget=Budget(seconds=0))
    assert suggestions.opened == 0
    assert not suggestions.exact


@pytest.mark.parametrize("unit", [WORD, LINE], ids=["word", "line"])
def test_a_search_that_is_told_to_stop_opens_nothing_more(unit):
    asked = []

    def should_stop():
        asked.append(None)
        return len(asked) == 3

    with pytest.raises(Cancelled):
        suggest(ONE, ONE.begin(TEXT), unit, 1000, SampleConfig(2.0), should_stop=should_stop)
    assert len(asked) == 3
    with pytest.raises(Cancelled):
        suggest(ONE, ONE.begin(TEXT), CHAR, 1, PLAIN, should_stop=lambda: True)


def test_each_suggestion_says_which_voice_wanted_it():
    suggestions = suggest(TWO, TWO.begin(TEXT), WORD, 5, SampleConfig(0.7))
    for item in suggestions.items:
        wanted = [
            weight
            * np.prod(
                [following(Voices.of([voice]), TEXT + item.text[:n], PLAIN).get(c, 0) for n, c in enumerate(item.text)]
            )
            for voice, weight in zip(TWO.voices, TWO.weights, strict=True)
        ]
        assert item.shares == pytest.approx([share / sum(wanted) for share in wanted], rel=1e-3)
    assert suggest(ONE, ONE.begin(TEXT), WORD, 1, PLAIN).items[0].shares == (1.0,)
    silent = suggest(TWO.reweighted([0, 1]), TWO.begin(TEXT), WORD, 3, PLAIN)
    assert {item.shares for item in silent.items} == {(0.0, 1.0)}


def test_the_next_k_are_those_after_the_first():
    first, both = (suggest(TWO, TWO.begin(TEXT), WORD, k, PLAIN) for k in (4, 8))
    assert [item.text for item in both.items[:4]] == [item.text for item in first.items]


def test_after_warming_up_nothing_is_compiled():
    budget = Budget(nodes=3 * BATCH)
    warm_up(TWO, budget)
    compiled = extend._cache_size()
    for voices in (TWO, TWO.reweighted([1, 1])):
        for unit in units("music").values():
            suggest(voices, voices.begin(TEXT), unit, 5, SampleConfig(0.5, top_k=2), prefix="a", budget=budget)
    assert extend._cache_size() == compiled


@pytest.mark.parametrize("voices", [ONE, TWO])
@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize(("over", "unit"), [(WORD, WORD), (WORD, CHAR), (LINE, WORD)])
def test_what_was_picked_is_not_gone_on_with(voices, settings, over, unit):
    """The others keep their proportions, and what is said of the mass is said of them."""
    ends = [c for c in voices.vocabulary.characters if over.follow(over.after(" a"), c) == ENDS_BEFORE]
    share = sum(following(voices, TEXT, settings)[c] for c in ends)
    reading = voices.begin(TEXT)
    found = suggest(voices, reading, unit, 5, settings, ended=(over, " a"))
    if share == 0:
        ours = [(item.text, item.probability) for item in suggest(voices, reading, unit, 5, settings).items]
        assert [(item.text, item.probability) for item in found.items] == ours
        return
    assert found.items
    assert all(item.text[0] in ends for item in found.items)
    everything = {item.text: item.probability for item in suggest(voices, reading, unit, 500, settings).items}
    for item in found.items:
        if item.text in everything:
            assert item.probability * share == pytest.approx(everything[item.text], rel=1e-4)
    assert any(item.text in everything for item in found.items)
    assert sum(item.probability for item in found.items) + found.leftover == pytest.approx(1)


def test_a_bar_ends_by_itself():
    bar = units("music")["bar"]
    reading = ONE.begin(TEXT)
    expected = suggest(ONE, reading, WORD, 3, PLAIN)
    assert suggest(ONE, reading, WORD, 3, PLAIN, ended=(bar, "a|")).items == expected.items
