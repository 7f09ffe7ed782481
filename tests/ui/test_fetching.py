"""A download is announced in one line, and nothing is said where there is none."""

from charnn.ui.fetching import fetch_view


def fetched(sizes, *, quiet=False):
    with fetch_view("The [b] Plays", "public domain", quiet=quiet) as progress:
        for size in sizes:
            progress(size, 10)


def test_one_line_names_what_is_fetched_and_its_licence(capsys):
    fetched([0, 5, 10])
    assert capsys.readouterr() == ("", "Fetching The [b] Plays (public domain)\n")


def test_nothing_is_said_where_nothing_is_fetched_or_it_shall_be_quiet(capsys):
    fetched([])
    fetched([0, 5, 10], quiet=True)
    fetched([], quiet=True)
    assert capsys.readouterr() == ("", "")
