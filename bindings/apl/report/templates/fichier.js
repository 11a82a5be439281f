'use strict';
/* decisions.csv, as `apl adapt` reads it: written and read back by the page. */

/** The decisions with which the page begins: those that stand. */
function decisionsEnPlace(regime) {
  return new Map(Object.entries(regime.en_place));
}

/** One line of words: a control character would be refused by the reader. */
function motifPropre(motif) {
  return (motif || '').replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trim();
}

/* A spreadsheet would run a text that begins so (OWASP): an apostrophe goes before it, as in the
   lists that apl writes, and is taken off again when the page reads its own file. */
const FORMULE = /^'*[=+\-@]/;
const inerte = (texte) => (FORMULE.test(texte) ? `'${texte}` : texte);
const nu = (texte) => (FORMULE.test(texte) && texte.startsWith("'") ? texte.slice(1) : texte);

/** The text of decisions.csv. A class given back to the nation is written where a decision stood
 * before, so that the file says the same against `bvcv` and against the earlier `zonage`. */
function ecrireDecisions(regime, decisions) {
  const cellule = (texte) => `"${texte.replace(/"/g, '""')}"`;
  const lignes = [DECISIONS_CSV.join(',')];
  for (const unite of regime.unites) {
    const prise = decisions.get(unite.code);
    const avant = regime.en_place[unite.code];
    const retour = { zone: unite.zone, motif: 'retour au classement national' };
    const ecrite = prise || (avant && unite.zone !== null ? retour : null);
    if (!ecrite || (ecrite.zone === unite.zone && !avant)) continue;
    lignes.push([unite.code, ecrite.zone, inerte(motifPropre(ecrite.motif))].map(cellule).join(','));
  }
  return `${lignes.join('\r\n')}\r\n`;
}

const PLUS_GROS = 1e6; // bytes: a thousand decisions, each with a long motive

/** The bytes of a file as decisions: as `lireDecisions`. */
function lireFichier(octets, regime) {
  const refuser = (erreur) => ({ decisions: new Map(), erreurs: [erreur] });
  if (octets.byteLength > PLUS_GROS) return refuser('Fichier trop grand pour des décisions (1 Mo au plus).');
  const [a, b] = new Uint8Array(octets.slice(0, 2));
  const code = a === 0xff && b === 0xfe ? 'utf-16le' : 'utf-8'; // Excel's « texte Unicode » is the first
  try {
    return lireDecisions(new TextDecoder(code, { fatal: true }).decode(octets), regime);
  } catch (erreur) {
    if (!(erreur instanceof TypeError)) throw erreur;
    return refuser('Le fichier n’est pas en UTF-8 : l’enregistrer de nouveau en « CSV UTF-8 ».');
  }
}

/** Read a decisions.csv. Returns {decisions, erreurs}: with errors, no decision is to be taken.
 * As for `apl adapt`, what stands already and is not in the file stands on, and the national class
 * undoes it. */
function lireDecisions(texte, regime) {
  const { lignes, erreur } = lignesCsv(texte.replace(/^\uFEFF/, ''));
  if (erreur) return { decisions: new Map(), erreurs: [erreur] };
  const entete = lignes.length ? lignes[0].cellules.map((nom) => nom.trim().toLowerCase()) : [];
  const places = DECISIONS_CSV.map((nom) => entete.indexOf(nom));
  if (places.includes(-1)) {
    return { decisions: new Map(),
      erreurs: [`Ligne 1 : l’en-tête doit nommer les colonnes ${DECISIONS_CSV.join(', ')}.`] };
  }
  const decisions = decisionsEnPlace(regime);
  const nationales = new Map(regime.unites.map((unite) => [unite.code, unite.zone]));
  const lues = new Set();
  const erreurs = [];
  for (const { numero, cellules } of lignes.slice(1)) {
    const faute = fauteDeLigne(cellules, entete, places, regime, nationales, lues);
    if (faute) erreurs.push(`Ligne ${numero} : ${faute}`);
    else {
      const [code, zone, motif] = places.map((place) => cellules[place]);
      lues.add(code);
      if (zone === nationales.get(code)) decisions.delete(code);
      else decisions.set(code, { zone, motif: motifPropre(nu(motif)) });
    }
  }
  return { decisions: erreurs.length ? new Map() : decisions, erreurs };
}

function fauteDeLigne(cellules, entete, places, regime, nationales, lues) {
  if (cellules.length !== entete.length) {
    return `${cellules.length} cellule${cellules.length > 1 ? 's' : ''} pour ${entete.length} colonnes dans l’en-tête.`;
  }
  const [code, zone, motif] = places.map((place) => cellules[place]);
  if (!nationales.has(code)) {
    return `« ${code} » n’est pas un bassin de vie ou canton-ou-ville que cette région classe.`;
  }
  if (lues.has(code)) return `« ${code} » a déjà une décision plus haut.`;
  if (!regime.zones.some((z) => z.code === zone)) return `« ${zone} » n’est pas une zone du texte.`;
  if (motifPropre(nu(motif)) === '') return `le motif manque pour « ${code} ».`;
  return '';
}

/** Rows of a CSV with commas, semicolons or tabs, and quotes; blank lines are left out. */
function lignesCsv(texte) {
  const separateur = (texte.split('\n', 1)[0].match(/[,;\t]/) || [','])[0];
  const lignes = [];
  let cellules = [];
  let cellule = '';
  let entre = false; // between quotes
  let numero = 1;
  let debut = 1;
  const finir = () => {
    cellules.push(cellule);
    if (cellules.length > 1 || cellules[0].trim() !== '') lignes.push({ numero: debut, cellules });
    [cellules, cellule, debut] = [[], '', numero];
  };
  const marques = texte.replace(/\r\n?/g, '\n');
  for (let k = 0; k < marques.length; k += 1) {
    const c = marques[k];
    if (c === '\n') numero += 1;
    if (entre && c === '"' && marques[k + 1] === '"') { cellule += '"'; k += 1; }
    else if (c === '"' && (entre || cellule === '')) entre = !entre;
    else if (!entre && c === separateur) { cellules.push(cellule); cellule = ''; }
    else if (!entre && c === '\n') finir();
    else cellule += c;
  }
  if (entre) return { lignes, erreur: `Ligne ${debut} : un guillemet n’est pas refermé.` };
  if (cellule !== '' || cellules.length) finir();
  return { lignes, erreur: '' };
}
