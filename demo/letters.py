"""Short French letters to a tax administration, made from phrases: what the classifier reads.

In: a random generator. Out: sentences with their theme. Nothing here comes from, or names, a
person. Every theme keeps some phrases for the test alone, so that accuracy is measured on wordings
the model never saw.
"""

import random
from typing import NamedTuple

SHORTEST = 20
"""Characters a letter has at least."""

TEST_PHRASES = 3
"""The last phrases of each theme, never used in training."""

OPENINGS = (
    "Bonjour,",
    "Madame, Monsieur,",
    "Je me permets de vous écrire car",
    "Suite à votre courrier,",
    "Comme convenu au guichet,",
    "Je reviens vers vous :",
    "Pour faire suite à ma demande du {jour} {mois},",
    "Sauf erreur de ma part,",
)
CLOSINGS = (
    "Merci de votre aide.",
    "Dans l'attente de votre réponse, je vous prie d'agréer mes salutations.",
    "Pouvez-vous me dire ce que je dois faire ?",
    "Je reste à votre disposition pour toute pièce utile.",
    "Cordialement.",
    "Merci de me répondre avant le {jour} {mois}.",
)
MONTHS = ("janvier", "mars", "mai", "juin", "septembre", "octobre", "novembre")

THEMES: dict[str, tuple[str, ...]] = {
    "revenu": (
        "j'ai oublié de déclarer des salaires perçus en {annee}",
        "le montant prérempli de mes pensions ne correspond pas à ce que j'ai touché",
        "je souhaite corriger ma déclaration de revenus {annee}",
        "mes frais réels kilométriques n'ont pas été retenus dans le calcul de l'impôt",
        "mon enfant majeur veut être rattaché à mon foyer fiscal",
        "le nombre de parts du quotient familial me paraît faux",
        "mon avis d'impôt sur le revenu ne tient pas compte des dons de {montant} euros",
        "comment déclarer des revenus de location meublée",
        "le crédit d'impôt pour garde d'enfant ne figure pas sur mon avis",
        "je dois déclarer une prime reçue de mon employeur en {annee}",
        "ma situation de famille a changé et mon impôt sur le revenu devrait baisser",
    ),
    "fonciere": (
        "la taxe foncière de mon appartement a augmenté de {montant} euros",
        "j'ai vendu la maison en {annee} et je reçois encore la taxe foncière",
        "je demande l'exonération de taxe foncière pour une construction neuve",
        "la valeur locative de mon logement me semble surestimée",
        "la taxe d'enlèvement des ordures ménagères est comptée pour un local vide",
        "le garage a été démoli mais reste imposé au foncier bâti",
        "je suis propriétaire depuis {annee} et n'ai pas reçu d'avis de taxe foncière",
        "le bien est en indivision et l'avis foncier est à un seul nom",
        "pourquoi la base de taxe foncière a-t-elle changé pour mon logement",
        "je conteste la surface retenue pour la taxe foncière du local",
        "mon logement vacant devrait être dégrevé de taxe foncière",
    ),
    "paiement": (
        "je ne peux pas payer la somme de {montant} euros en une fois",
        "je demande un échéancier de {nombre} mensualités",
        "le prélèvement du {jour} {mois} a été rejeté par ma banque",
        "j'ai payé deux fois la même échéance",
        "je voudrais changer les coordonnées bancaires du prélèvement",
        "une majoration de {montant} euros m'est réclamée pour retard de paiement",
        "je souhaite arrêter la mensualisation",
        "j'ai reçu une saisie sur mon compte bancaire",
        "je sollicite un délai de paiement de {nombre} mois",
        "la banque indique que le prélèvement de {montant} euros a échoué",
        "puis-je régler par mensualités le solde qui reste à payer",
    ),
    "compte": (
        "je n'arrive plus à me connecter à mon espace en ligne",
        "le mot de passe de mon espace particulier est refusé",
        "je n'ai pas reçu le code de vérification par message",
        "l'adresse électronique de mon espace en ligne n'est plus valable",
        "le site affiche une erreur quand je veux valider ma démarche",
        "je ne trouve pas mon numéro d'accès en ligne",
        "mon compte est bloqué après {nombre} essais",
        "l'application mobile ne reconnaît pas mon numéro fiscal",
        "impossible d'ouvrir une session, le mot de passe est oublié",
        "le code reçu pour me connecter ne fonctionne pas",
        "comment créer un accès à l'espace en ligne",
    ),
    "cadastre": (
        "je demande un extrait du plan cadastral de la parcelle {nombre}",
        "la limite entre deux parcelles est mal dessinée sur le plan",
        "ma parcelle a été divisée en {annee} et le plan n'est pas à jour",
        "quelle est la contenance de la parcelle en section {section}",
        "un bornage par géomètre a été fait avec le voisin",
        "je voudrais un relevé de propriété pour la section {section}",
        "le chemin rural apparaît à tort dans ma parcelle",
        "la référence cadastrale de l'acte est erronée",
        "pouvez-vous m'envoyer le plan de la section {section} du cadastre",
        "la surface de la parcelle {nombre} ne correspond pas au plan du géomètre",
        "je cherche à qui appartient la parcelle voisine",
    ),
    "attestation": (
        "il me faut une copie de mon avis de situation déclarative",
        "je demande un bordereau de situation fiscale",
        "une attestation de résidence fiscale m'est demandée par un organisme étranger",
        "pouvez-vous m'adresser un justificatif d'impôt pour un dossier de logement",
        "j'ai besoin d'un certificat de non-imposition",
        "mon bailleur réclame un duplicata de l'avis de {annee}",
        "je dois fournir un document prouvant que je suis à jour",
        "le consulat exige une attestation datée et signée",
        "merci de m'envoyer un duplicata ou un justificatif pour {annee}",
        "un certificat de résidence fiscale m'est réclamé à l'étranger",
        "il manque une attestation à mon dossier de bourse",
    ),
}
NAMES = tuple(THEMES)


class Example(NamedTuple):
    """A passage and the index of its theme in `NAMES`."""

    text: str
    theme: int


def examples(count: int, chance: random.Random, *, unseen: bool) -> list[Example]:
    """`count` passages of all themes in turn; `unseen` ones use the phrases kept for the test."""
    return [_example(index % len(NAMES), chance, unseen) for index in range(count)]


def _example(theme: int, chance: random.Random, unseen: bool) -> Example:
    phrases = THEMES[NAMES[theme]]
    kept = phrases[-TEST_PHRASES:] if unseen else phrases[:-TEST_PHRASES]
    text = f"{chance.choice(OPENINGS)} {chance.choice(kept)}. {chance.choice(CLOSINGS)}"
    return Example(_mistyped(_filled(text, chance), chance), theme)


def letter(theme: int, length: int, chance: random.Random) -> str:
    """A letter of exactly `length` characters, most of it about one theme."""
    text = ""
    while len(text) < length:
        about = theme if chance.random() < 0.8 else chance.randrange(len(NAMES))
        text += _example(about, chance, chance.random() < 0.5).text + " "
    return text[:length]


def _filled(text: str, chance: random.Random) -> str:
    return text.format(
        annee=chance.randint(2019, 2026),
        jour=chance.randint(1, 28),
        mois=chance.choice(MONTHS),
        montant=chance.randint(20, 4000),
        nombre=chance.randint(2, 60),
        section=chance.choice("ABCDEFGH") + chance.choice("ABCDEFGH"),
    )


def _mistyped(text: str, chance: random.Random) -> str:
    """`text` with one letter in fifty swapped with the next, as hurried people type."""
    letters = list(text)
    for index in range(len(letters) - 1):
        if chance.random() < 0.02:
            letters[index], letters[index + 1] = letters[index + 1], letters[index]
    return "".join(letters)
