"""Feedback without a model: sentiment by a lexicon, topics by the stop words of each language."""

from typing import Any

import pytest

from langgraph_parallel import create_feedback
from langgraph_parallel.offline import feedback
from langgraph_parallel.offline.feedback import sentiments, topics
from langgraph_parallel.reducers.text.languages import detect_languages, stop_words, words_of

SENTENCES = {
    "en": "Where is the order that I paid for two weeks ago?",
    "de": "Wo ist die Bestellung, die ich vor zwei Wochen bezahlt habe?",
    "fr": "Où est la commande que j'ai payée il y a deux semaines ?",
    "es": "¿Dónde está el pedido que pagué hace dos semanas?",
    "it": "Dov'è il mio ordine che ho pagato due settimane fa?",
    "pt": "Onde está a encomenda que eu paguei há duas semanas?",
    "nl": "Waar is de bestelling die ik twee weken geleden heb betaald?",
    "sv": "Var är beställningen som jag betalade för två veckor sedan?",
    "da": "Hvor er den ordre, som jeg betalte for to uger siden af?",
    "nb": "Hvor er bestillingen som jeg betalte for to uker siden, uten noe svar?",
    "fi": "Missä on tilaus, jonka minä olen maksanut, ja joka ei ole tullut?",
    "pl": "Gdzie jest zamówienie, za które zapłaciłem dwa tygodnie temu?",
    "cs": "Kde je objednávka, kterou jsem zaplatil před dvěma týdny?",
    "tr": "İki hafta önce ödediğim sipariş nerede, neden bana bir şey denmedi?",
    "ru": "Где заказ, который я оплатил две недели назад?",
}


@pytest.mark.parametrize("language", SENTENCES)
def test_a_language_is_told_by_its_stop_words(language: str) -> None:
    """Every language with a list is told in an ordinary sentence."""
    assert set(SENTENCES) == set(stop_words())
    assert detect_languages([SENTENCES[language]]) == [language]


def test_a_text_without_stop_words_is_in_the_language_of_similar_ones() -> None:
    """Words in common decide, then the most frequent language; English where nothing else says so."""
    texts = [SENTENCES["de"], "Das Fahrrad ist kaputt.", "The bike is late.", "Bike broken", "Fahrrad kaputt"]
    assert detect_languages(texts) == ["de", "de", "en", "en", "de"]
    assert detect_languages(["Great bike!", "", "42"]) == ["en", None, None]


@pytest.mark.parametrize(
    "text", ["返金はまだですか", "حقيبتي لم تصل", "δεν ήρθε η παραγγελία", "주문이 아직 안 왔어요"]
)
def test_a_language_without_a_list_is_unknown(text: str) -> None:
    """It is not taken for one of those with a list."""
    assert detect_languages([text, SENTENCES["en"]]) == [None, "en"]


def test_a_text_on_which_the_lexicon_is_silent_is_neutral_and_says_so() -> None:
    """A text with words of the lexicon has no note, whatever its sentiment."""
    silent, good, bad = sentiments(["It came on Tuesday.", "I love it.", "I hate it."])
    assert silent == {"sentiment": "neutral", "note": "neutral, since no word of the lexicon is in it"}
    assert (good, bad) == ({"sentiment": "positive"}, {"sentiment": "negative"})


def test_a_lexicon_judges_its_own_language_only() -> None:
    """The German article "die" is no English verb, and "gift" is poison."""
    rows = sentiments(["Die Tasche ist da, die ich wollte.", "返金", " "])
    assert rows == [{"note": "not assessed, since the lexicon is English"}] * 2 + [{}]


def test_topics_are_terms_without_the_stop_words_of_their_language() -> None:
    """Words such as "aber" and "avec" are shared by texts, and are no topics."""
    texts = [
        "Die Lieferung war spät, aber das Fahrrad ist gut.",
        "Aber die Lieferung war unvollständig, das Fahrrad war kaputt.",
        "Le vélo est arrivé avec un retard.",
        "Le vélo est cassé, et je suis fâché avec vous.",
        "Where are the bikes that I have ordered?",
        "My bike is not what I ordered.",
    ]
    found = {topic for row in topics(texts) for topic in row["topics"]}
    assert found == {"lieferung", "fahrrad", "vélo", "bikes", "ordered"}


def test_topics_of_a_language_without_stop_words_are_not_assessed() -> None:
    """A note says so; a blank text has no topics."""
    row, blank = topics(["自転車はとても良いです。", ""])
    assert row == {"note": "not assessed, since there are no stop words for its language"}
    assert blank == {"topics": []}


async def test_rows_say_what_was_not_assessed() -> None:
    """Notes are in the record, the table and the report, and what is not assessed is counted."""
    out = await create_feedback(offline=True, dimensions=["sentiment", "topics"]).ainvoke(
        {"texts": ["It came on Tuesday.", "返金はまだですか"]}
    )
    feedback = out["feedback"]
    assert [(row.sentiment, row.topics) for row in feedback.rows] == [("neutral", []), (None, None)]
    assert feedback.rows[0].notes == ["sentiment: neutral, since no word of the lexicon is in it"]
    assert [note.partition(":")[0] for note in feedback.rows[1].notes] == ["sentiment", "topics"]
    assert feedback.not_judged == {"sentiment": 1, "topics": 1}
    assert "not assessed, since the lexicon is English" in out["csv"]
    assert "no word of the lexicon is in it" in out["markdown"]


def test_lists_hold_words_as_texts_have_them() -> None:
    """Each word is in lower case and is read as one word."""
    for words in stop_words().values():
        assert all(words_of(word)[0] == word for word in words if word.isalpha())


class CountedWords(dict[str, str]):
    """The words of a text by term, which count how often they are looked at."""

    looked_at = 0

    def keys(self) -> Any:
        """Return the terms, and count."""
        CountedWords.looked_at += 1
        return super().keys()


def test_the_words_of_a_text_are_looked_at_once_for_all_topics() -> None:
    """The labels of 200 topics are chosen in one pass over the texts, the most common word of each."""
    words = [CountedWords({f"term{n % 200}": f"word{n % 200}"}) for n in range(1000)]
    words += [CountedWords({"term7": "seven"}) for _ in range(6)]
    CountedWords.looked_at = 0
    labels = feedback._most_common_words({f"term{n}" for n in range(200)}, words)
    assert CountedWords.looked_at == len(words)
    assert (labels["term7"], labels["term8"], len(labels)) == ("seven", "word8", 200)
