"""Words that are written in another way than they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.contract.faults.fault import Case, Family, category, word

if TYPE_CHECKING:
    import pandas as pd

words = Family("words")
DEEPCHECKS = "https://docs.deepchecks.com/stable/tabular/auto_checks/data_integrity/"


@words.fault("https://github.com/schelterlabs/jenga", of=word, share=0.2)
def mojibake(case: Case) -> pd.DataFrame:
    """Text went through the wrong encoding: letters became two others."""
    broken = case.given
    for letter, shown in {"a": "ä", "e": "é", "o": "ö", "A": "Ä", "E": "É", "O": "Ö", "N": "Ñ", "u": "ü", "U": "Ü"}.items():
        broken = broken.str.replace(letter, shown.encode("utf-8").decode("latin-1"), regex=False)
    return case.put(case.given.mask(case.some(0.2), broken))


@words.fault("https://ftfy.readthedocs.io/en/latest/", of=word, share=0.05)
def replacement_characters(case: Case) -> pd.DataFrame:
    """Letters that could not be read became question marks."""
    return case.put(case.given.mask(case.some(0.05), case.given.str.replace(r"[aeiouAEIOU]", "\ufffd", regex=True)))


@words.fault(DEEPCHECKS + "plot_string_mismatch.html", of=word)
def blanks_at_the_end(case: Case) -> pd.DataFrame:
    """Words are filled up with blanks, as a column of fixed width is."""
    return case.put(case.given.str.ljust(int(case.given.str.len().max()) + 2))


@words.fault(DEEPCHECKS + "plot_string_mismatch.html", of=category, share=0.05)
def blanks_before_some(case: Case) -> pd.DataFrame:
    """Some words have a blank before them."""
    return case.put(case.given.mask(case.some(0.05), " " + case.given))


@words.fault(DEEPCHECKS + "plot_string_mismatch.html", of=word)
def another_case(case: Case) -> pd.DataFrame:
    """Upper case became lower, or lower became upper."""
    return case.put(case.given.str.swapcase())


@words.fault("https://github.com/OpenRefine/OpenRefine/wiki/Clustering-In-Depth", of=category, share=0.1)
def another_case_in_some(case: Case) -> pd.DataFrame:
    """A tenth of the rows are in the other case."""
    return case.put(case.given.mask(case.some(0.1), case.given.str.swapcase()))


@words.fault("https://github.com/tidyverse/readr/issues/1570", of=category, share=0.05)
def blanks_nobody_sees(case: Case) -> pd.DataFrame:
    """Some words end in a blank that does not break the line."""
    return case.put(case.given.mask(case.some(0.05), case.given + "\N{NO-BREAK SPACE}"))


@words.fault("https://en.wikipedia.org/wiki/IDN_homograph_attack", of=category, share=0.02)
def letters_that_look_alike(case: Case) -> pd.DataFrame:
    """Some Latin letters are Cyrillic ones that look the same."""
    alike = str.maketrans("AaEeOoCcPpXxBHKMT", "АаЕеОоСсРрХхВНКМТ")  # noqa: RUF001 - this is what is tried
    return case.put(case.given.mask(case.some(0.02), case.given.str.translate(alike)))


@words.fault("https://dev.mysql.com/doc/refman/8.4/en/char.html", of=word)
def cut_to_a_width(case: Case) -> pd.DataFrame:
    """The column was one character too narrow: the longest words lost their end."""
    return case.put(case.given.str.slice(stop=int(case.given.str.len().max()) - 1))


@words.fault("https://owasp.org/www-community/attacks/xss/", of=word, share=0.01)
def markup_in_words(case: Case) -> pd.DataFrame:
    """Some words are HTML with a script in it."""
    return case.put(case.given.mask(case.some(0.01), "<script>alert(1)</script>"))


@words.fault("https://owasp.org/www-community/attacks/CSV_Injection", of=word, share=0.01)
def formulas_in_words(case: Case) -> pd.DataFrame:
    """Some words are a formula that a spreadsheet would run."""
    return case.put(case.given.mask(case.some(0.01), "=cmd|' /C calc'!A0"))


@words.fault("https://docs.python.org/3/library/csv.html#csv.QUOTE_NONE", of=word)
def quotes_left_on(case: Case) -> pd.DataFrame:
    """Every word still has its quotation marks."""
    return case.put('"' + case.given + '"')


@words.fault("https://github.com/OpenRefine/OpenRefine/wiki/Clustering-In-Depth", of=category, share=0.02)
def letters_exchanged(case: Case) -> pd.DataFrame:
    """Slips of the keyboard: two letters changed places in some words."""
    wrong = case.given.str.replace(r"^(.)(.)", r"\2\1", regex=True)
    return case.put(case.given.mask(case.some(0.02, among=case.given.notna() & (wrong != case.given)), wrong))


@words.fault("https://docs.python.org/3/library/stdtypes.html#bytes", of=word)
def bytes_as_python_prints_them(case: Case) -> pd.DataFrame:
    """Every word came as b'word'."""
    return case.put("b'" + case.given + "'")


@words.fault("https://genomebiology.biomedcentral.com/articles/10.1186/s13059-016-1044-7", of=category, share=0.1)
def made_into_dates(case: Case) -> pd.DataFrame:
    """A spreadsheet took one of the words for a date."""
    return case.put(case.given.mask(case.given == case.given.value_counts().index[len(case.given.unique()) // 3], "2-Sep"))
