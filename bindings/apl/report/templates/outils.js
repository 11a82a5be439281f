'use strict';
/* What the views share: the data of the page, elements, numbers as French prints them. */

const DONNEES = JSON.parse(document.getElementById('donnees').textContent);
const PAR_CODE = new Map(DONNEES.bvcv.map((b) => [b.code, b]));
const NOMS = new Map(DONNEES.zones.map((z) => [z.code, z.libelle]));
const PAIRES = DONNEES.paires ? ouvrirPaires(DONNEES.paires) : null;

const Outils = (() => {
  const par = (id) => document.getElementById(id);

  /** An element with attributes, and children that are elements or plain text, never HTML. */
  function creer(balise, attributs, ...enfants) {
    const element = document.createElement(balise);
    for (const [nom, valeur] of Object.entries(attributs || {})) {
      if (nom.startsWith('on')) element.addEventListener(nom.slice(2), valeur);
      else if (typeof valeur === 'boolean') element[nom] = valeur;
      else if (valeur !== undefined && valeur !== null) element.setAttribute(nom, valeur);
    }
    element.append(...enfants.filter((e) => e !== null && e !== undefined && e !== ''));
    return element;
  }

  const signe = (texte) => texte.replace('-', '\u2212');
  const formats = new Map();
  function decimal(valeur, chiffres = 1) {
    if (valeur === null || valeur === undefined) return '–';
    if (!formats.has(chiffres)) {
      formats.set(chiffres, new Intl.NumberFormat('fr-FR',
        { minimumFractionDigits: chiffres, maximumFractionDigits: chiffres }));
    }
    return signe(formats.get(chiffres).format(valeur));
  }
  const entier = (valeur) => decimal(valeur, 0);
  const pourcent = (part, chiffres = 1) => `${decimal(100 * part, chiffres)}\u202f%`;
  const plus = (valeur, chiffres) => (valeur > 0 ? '+' : '') + decimal(valeur, chiffres);
  /** A number with its noun: 0 and 1 are singular in French. */
  const compte = (n, un, plusieurs = `${un}s`) => `${entier(n)} ${n < 2 ? un : plusieurs}`;
  const nomZone = (code) => NOMS.get(code) || 'Sans classement';

  function etiquette(code) {
    return creer('span', { class: 'zone', 'data-zone': code || undefined }, nomZone(code));
  }

  const isole = (texte) => creer('bdi', {}, texte);

  /** Say something to who does not see the page change. */
  function annoncer(texte) {
    par('annonce').textContent = texte;
  }

  /** For searching: without accents, case or punctuation. */
  const simple = (texte) => texte.normalize('NFD').replace(/[\u0300-\u036f]/g, '').toLowerCase()
    .replace(/œ/g, 'oe').replace(/[^a-z0-9_]+/g, ' ').trim();

  const doux = () => (matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth');

  return {
    par, creer, decimal, entier, pourcent, plus, compte, nomZone, etiquette, isole, annoncer, simple, doux,
  };
})();
