"""What the names of columns say, by their words."""

import re
import unicodedata
from functools import lru_cache

_TEXT_WORDS = frozenset(
    """
    text texts feedback feedbacks comment comments message messages review reviews body opinion opinions
    remark remarks suggestion suggestions verbatim verbatims testimonial testimonials complaint complaints
    kommentar kommentare bemerkung bemerkungen anmerkung anmerkungen nachricht nachrichten rückmeldung
    rückmeldungen rezension rezensionen meinung meinungen freitext
    commentaire commentaires avis remarque remarques texte
    comentario comentarios mensaje mensajes reseña reseñas opinión opiniones texto observaciones
    commento commenti recensione recensioni messaggio messaggi testo
    comentário comentários mensagem mensagens avaliação
    opmerking opmerkingen reactie reacties bericht berichten tekst kommentti kommentarer omdöme palaute
    komentarz komentarze opinia opinie wiadomość komentář komentáře zpráva yorum yorumlar mesaj metin
    комментарий комментарии отзыв отзывы сообщение текст коментар відгук
    コメント 感想 本文 レビュー ご意見 意見 メッセージ
    评论 评价 反馈 留言 意见 評論 回饋 의견 댓글 코멘트 후기 리뷰
    تعليق تعليقات ملاحظات σχόλιο σχόλια κείμενο הערה הערות תגובה
    """.split()  # noqa: SIM905 - a list that people read and extend
)
_WEAK_WORDS = frozenset(
    """
    content contents description note notes response responses answer answers reply
    beschreibung inhalt antwort antworten contenu réponse réponses respuesta respuestas risposta risposte
    resposta respostas treść 内容 內容 내용
    """.split()  # noqa: SIM905 - a list that people read and extend
)
"""They mean texts only where no other column is called by a clearer word."""
_KEY_NAMES = ("id", "name", "item", "key")
_KEY_WORDS = frozenset(
    """
    id ids key nr no number num ticket uuid guid ref reference nummer numero número index
    """.split()  # noqa: SIM905 - a list that people read and extend
)
_OTHER_WORDS = _KEY_WORDS | frozenset(
    """
    date datum fecha data time timestamp at by from author user customer_id language lang locale length len
    count score rating rate stars star sentiment status state type category email mail phone url link source
    channel created updated title likes votes sterne bewertungspunkte anzahl autor typ sprache
    """.split()  # noqa: SIM905 - a list that people read and extend
)
"""Beside a word for texts, they make a name that of something about the text: `comment date`."""
_WORD_STARTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[\W_]+")
_MOST_WORDS = 8
_LONGEST = 80


@lru_cache(maxsize=4096)
def words_of(name: str) -> tuple[str, ...]:
    """Return the words of a name in small letters: those of `customerComment` and `Customer_comment` too."""
    composed = unicodedata.normalize("NFC", name.strip().lstrip("\ufeff"))
    return tuple(word.casefold() for word in _WORD_STARTS.split(composed) if word)


def is_text_name(name: str) -> bool:
    """Return whether all of a name means texts, as `Comments` does."""
    words = words_of(name) if len(name) <= _LONGEST else ()
    return len(words) == 1 and words[0] in _TEXT_WORDS


def has_text_word(name: str) -> bool:
    """Return whether a name has a word that means texts and none for what is about them."""
    return _has_word(name, _TEXT_WORDS)


def has_weak_word(name: str) -> bool:
    """Return whether a name has a word that often means texts: `Description`."""
    return _has_word(name, _WEAK_WORDS)


def _has_word(name: str, meant: frozenset[str]) -> bool:
    words = words_of(name) if len(name) <= _LONGEST else ()
    if len(words) > _MOST_WORDS or name.rstrip().endswith((".", "!")):
        return False
    return not meant.isdisjoint(words) and _OTHER_WORDS.isdisjoint(words)


def is_key_name(name: str) -> bool:
    """Return whether a name is one of those that rows are called by."""
    return " ".join(words_of(name)) in _KEY_NAMES


def has_key_word(name: str) -> bool:
    """Return whether a name has a word for numbers that tell rows apart: `Customer ID`."""
    return not _KEY_WORDS.isdisjoint(words_of(name)) or name.strip() == "#"


def has_other_word(name: str) -> bool:
    """Return whether a name has a word for what is not texts: `created at`."""
    return not _OTHER_WORDS.isdisjoint(words_of(name))
