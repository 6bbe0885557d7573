"""The words before the colon in a plain-text log, in the languages that PostgreSQL speaks."""

from __future__ import annotations

from collections.abc import Mapping

_SEVERITIES: Mapping[str, tuple[str, ...]] = {
    "DEBUG": ("DEBUG", "DEBUG1", "DEBUG2", "DEBUG3", "DEBUG4", "DEBUG5", "ОТЛАДКА", "НАЛАГОДЖЕННЯ", "调试", "디버그"),
    "LOG": ("LOG", "LOGG", "СООБЩЕНИЕ", "ЗАПИСУВАННЯ", "日志", "로그", "ჟურნალი", "DZIENNIK"),
    "INFO": ("INFO", "ИНФОРМАЦИЯ", "ІНФОРМАЦІЯ", "信息", "정보", "ინფორმაცია", "INFORMACJA"),
    "NOTICE": ("NOTICE", "HINWEIS", "NOTIFICA", "NOTIS", "ЗАМЕЧАНИЕ", "ПОВІДОМЛЕННЯ", "注意", "알림", "UWAGA", "NOTA"),
    "WARNING": (
        "WARNING", "WARNUNG", "ATTENTION", "ATTENZIONE", "VARNING", "ПРЕДУПРЕЖДЕНИЕ", "ПОПЕРЕДЖЕННЯ", "警告", "경고",
        "გაფრთხილება", "OSTRZEŻENIE", "AVISO", "UYARI",
    ),
    "ERROR": (
        "ERROR", "FEHLER", "ERREUR", "ERRORE", "FEL", "ОШИБКА", "ПОМИЛКА", "错误", "오류", "შეცდომა", "BŁĄD", "ERRO", "HATA",
    ),
    "FATAL": ("FATAL", "FATALE", "FATALT", "ВАЖНО", "ФАТАЛЬНО", "致命错误", "치명적오류", "ფატალური", "KATASTROFALNY"),
    "PANIC": ("PANIC", "PANIK", "PANICO", "PANIQUE", "PÂNICO", "ПАНИКА", "ПАНІКА", "比致命错误还过分的错误", "손상", "პანიკა"),
}  # fmt: skip

_PARTS: Mapping[str, tuple[str, ...]] = {
    "detail": ("DETAIL", "DETALLE", "DÉTAIL", "DETTAGLI", "詳細", "დეტალები", "상세정보", "ПОДРОБНОСТИ", "DETALJ", "ВІДОМОСТІ", "详细信息", "SZCZEGÓŁY", "DETALHE"),
    "hint": ("HINT", "TIPP", "ASTUCE", "SUGGERIMENTO", "ヒント", "მინიშნება", "힌트", "ПОДСКАЗКА", "TIPS", "УКАЗІВКА", "提示", "SUGERENCIA", "DICA", "PODPOWIEDŹ", "İPUCU"),
    "internal": ("QUERY", "ANFRAGE", "CONSULTA", "REQUÊTE", "問い合わせ", "მოთხოვნა", "ЗАПРОС", "FRÅGA", "ЗАПИТ", "查询", "쿼리"),
    "context": ("CONTEXT", "ZUSAMMENHANG", "CONTEXTO", "CONTEXTE", "CONTESTO", "文脈", "კონტექსტი", "내용", "КОНТЕКСТ", "KONTEXT", "上下文", "KONTEKST"),
    "query": ("STATEMENT", "ANWEISUNG", "SENTENCIA", "INSTRUCTION", "ISTRUZIONE", "文", "ოპერატორი", "명령 구문", "ОПЕРАТОР", "SATS", "ІНСТРУКЦІЯ", "语句", "COMANDO", "WYRAŻENIE"),
    "location": ("LOCATION", "BACKTRACE", "ORT", "UBICACIÓN", "EMPLACEMENT", "POSIZIONE", "場所", "ПОЛОЖЕНИЕ", "PLATS", "РОЗТАШУВАННЯ", "位置"),
}  # fmt: skip

SEVERITY_OF: Mapping[str, str] = {word: name for name, words in _SEVERITIES.items() for word in words}
"""Severity in English by the word that a server writes."""

PART_OF: Mapping[str, str] = {word: name for name, words in _PARTS.items() for word in words}
"""The part of a record that a line with this word holds: `detail`, `hint`, `context`, `query` and two unused ones."""


def severity(word: str) -> str:
    """The English severity; the word itself where it is in no known language."""
    return SEVERITY_OF.get(word, word)
