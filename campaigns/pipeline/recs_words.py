"""The reasons of a slate in the reader's language: the shop's own texts first, then the ones that come along."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from campaigns.rendering import TemplateProblem, TemplateStore
from recsys.reasons import SHOPPER_WORDS

_SHIPPED: Final[Mapping[str, Mapping[str, str]]] = {
    "de": {
        "similar_unnamed": "Das könnte dir auch gefallen",
        "next_unnamed": "Das könnte dir auch gefallen",
        "complement_unnamed": "Passt gut dazu",
        "pinned": "Von uns empfohlen",
        "similar": "Ähnlich wie {seed}",
        "next": "Weil du dir {seed} angesehen hast",
        "complement": "Oft zusammen gekauft mit {seed}",
        "recently_viewed": "Hast du dir vor Kurzem angesehen",
        "left_in_cart": "Lag schon in deinem Warenkorb",
        "buy_again": "Zeit für Nachschub?",
        "profile": "Für dich ausgesucht",
        "category": "Beliebt in {category}",
        "brand": "Beliebt von {brand}",
        "referral": "Gefällt Besuchern wie dir",
        "new": "Neu im Shop",
        "local": "Beliebt in deiner Nähe",
        "global": "Ein Bestseller des Shops",
    },
    "fr": {
        "similar_unnamed": "Cela pourrait aussi vous plaire",
        "next_unnamed": "Cela pourrait aussi vous plaire",
        "complement_unnamed": "Va bien avec",
        "pinned": "Recommandé par notre équipe",
        "similar": "Dans le même esprit que {seed}",
        "next": "Parce que vous avez regardé {seed}",
        "complement": "Souvent acheté avec {seed}",
        "recently_viewed": "Vu récemment",
        "left_in_cart": "Était dans votre panier",
        "buy_again": "L'heure de refaire le plein ?",
        "profile": "Choisi pour vous",
        "category": "Apprécié dans {category}",
        "brand": "Apprécié chez {brand}",
        "referral": "Plaît aux visiteurs comme vous",
        "new": "Nouveau dans la boutique",
        "local": "Apprécié près de chez vous",
        "global": "Un best-seller de la boutique",
    },
    "es": {
        "similar_unnamed": "También te puede gustar",
        "next_unnamed": "También te puede gustar",
        "complement_unnamed": "Combina bien",
        "pinned": "Recomendado por nuestro equipo",
        "similar": "Parecido a {seed}",
        "next": "Porque miraste {seed}",
        "complement": "Suele comprarse con {seed}",
        "recently_viewed": "Lo miraste hace poco",
        "left_in_cart": "Estaba en tu carrito",
        "buy_again": "¿Hora de reponer?",
        "profile": "Elegido para ti",
        "category": "Popular en {category}",
        "brand": "Popular de {brand}",
        "referral": "Gusta a visitantes como tú",
        "new": "Nuevo en la tienda",
        "local": "Un favorito cerca de ti",
        "global": "Un superventas de la tienda",
    },
    "ar": {
        "similar_unnamed": "قد يعجبك أيضًا",
        "next_unnamed": "قد يعجبك أيضًا",
        "complement_unnamed": "يتناسب معه جيدًا",
        "pinned": "يوصي به فريقنا",
        "similar": "مشابه لـ {seed}",
        "next": "لأنك شاهدت {seed}",
        "complement": "كثيرًا ما يُشترى مع {seed}",
        "recently_viewed": "شاهدته مؤخرًا",
        "left_in_cart": "كان في سلتك",
        "buy_again": "هل حان وقت التجديد؟",
        "profile": "اخترناه لك",
        "category": "رائج في {category}",
        "brand": "رائج من {brand}",
        "referral": "يعجب زوارًا مثلك",
        "new": "جديد في المتجر",
        "local": "مفضل بالقرب منك",
        "global": "من الأكثر مبيعًا في المتجر",
    },
}


_UNNAMED: Final = ("similar_unnamed", "next_unnamed", "complement_unnamed")


def words_of(templates: TemplateStore, template: str, locale: str, shop_locale: str) -> dict[str, str] | None:
    """The sentences for one reader, by the names of `SHOPPER_WORDS`; None where the English ones serve.

    A shop words them its own way in `templates/emails/_base/locale/<locale>.yaml`: `reasons: {complement: ...}`."""
    spoken = (locale or shop_locale).replace("-", "_")
    found = dict(_SHIPPED.get(spoken.split("_")[0].lower(), {}))
    try:
        catalog = templates.translations.catalog(template, spoken, shop_locale)
    except TemplateProblem:  # the rendering of the mail reports it with its line
        return found or None
    for name in (*SHOPPER_WORDS, *_UNNAMED):
        entry = catalog.find(f"reasons.{name}")
        if isinstance(entry, str):
            found[name] = entry
    return found or None
