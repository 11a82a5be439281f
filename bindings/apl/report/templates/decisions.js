'use strict';
/* Decisions held against a regime: the same verdicts as `apl adapt`, rule by rule.
   Bounds come from Python (report/regime_data.py) as whole numbers of persons; nothing here divides
   or rounds before it compares. */

const DECISIONS_CSV = ['code_bvcv', 'zone', 'motif'];
const PREMIERS = 10; // codes that a message lists

function nombre(n) {
  return String(n).replace(/\B(?=(\d{3})+$)/g, '\u202f'); // a narrow no-break space, as French prints it
}

/** Judge the decisions of a region.
 * regime: the page's `regime`; bvcv: array of {code, libelle} (names in messages), or null;
 * decisions: Map of code → {zone, motif}. A BVCV without decision keeps its national class.
 * Returns {jauges, refus, changements, zones}: zones is a Map of code → class of all BVCV of the region. */
function jugerDecisions(regime, bvcv, decisions) {
  const mots = vocabulaire(regime, bvcv);
  const zones = new Map();
  for (const unite of regime.unites) {
    const prise = decisions.get(unite.code);
    zones.set(unite.code, prise ? prise.zone : unite.zone);
  }
  const changements = [];
  for (const unite of regime.unites) {
    const vers = zones.get(unite.code);
    if (vers !== null && vers !== unite.zone) changements.push({ unite, de: unite.zone, vers });
  }
  const jauges = regime.jauges.map((jauge) => mesurer(jauge, regime, zones, changements));
  const refus = [
    ...refusDeForme(regime, decisions, mots),
    ...sansZone(regime, zones, mots),
    ...nonPrevus(regime, changements, mots),
    ...regime.mouvements.flatMap((m, rang) => horsTour(m, rang, regime, changements, mots)),
    ...jauges.filter((jauge) => jauge.depassee).map((jauge) => depassement(jauge, changements, mots)),
  ];
  return { jauges, refus, changements, zones };
}

function vocabulaire(regime, bvcv) {
  const noms = new Map((bvcv || []).map((b) => [b.code, b.libelle]));
  const classes = new Map(regime.zones.map((z) => [z.code, z.libelle]));
  const zone = (code) => (code === null ? 'sans classement' : classes.get(code) || code);
  const unite = (code) => (noms.get(code) ? `${noms.get(code)} (${code})` : code);
  const liste = (codes) => codes.slice(0, PREMIERS).map(unite).join(', ')
    + (codes.length > PREMIERS ? ` et ${nombre(codes.length - PREMIERS)} autre${codes.length - PREMIERS > 1 ? 's' : ''}` : '');
  return { zone, liste, qui: regime.qui, passage: (de, vers) => `${zone(de)} → ${zone(vers)}` };
}

const somme = (unites) => unites.reduce((n, unite) => n + unite.personnes, 0);

/** A gauge with the changes: how many persons, of how many allowed in the direction taken. */
function mesurer(jauge, regime, zones, changements) {
  const personnes = jauge.regle === 'limite'
    ? somme(faits(jauge, changements))
    : somme(regime.unites.filter((unite) => zones.get(unite.code) === jauge.sujet));
  const utilise = personnes - jauge.avant;
  const permis = utilise >= 0 ? jauge.plafond - jauge.avant : jauge.avant - jauge.plancher;
  const depassee = utilise !== 0 && (personnes < jauge.plancher || personnes > jauge.plafond);
  const reste = permis - Math.abs(utilise);
  return { ...jauge, personnes, utilise, permis, reste, depassee, population: regime.population };
}

/** The BVCV that make a movement. */
function faits(mouvement, changements) {
  return changements
    .filter((c) => c.de === mouvement.de && c.vers === mouvement.vers)
    .map((c) => c.unite);
}

const codesDe = (unites) => unites.map((unite) => unite.code);

/** What `apl adapt` refuses before it looks at any margin. */
function refusDeForme(regime, decisions, mots) {
  const connus = new Set(codesDe(regime.unites));
  const classes = new Set(regime.zones.map((z) => z.code));
  const prises = [...decisions];
  const codes = (garder) => prises.filter(garder).map(([code]) => code);
  const formes = [
    ['autre_region', 'APL-G07', codes(([code]) => !connus.has(code)),
      (qui) => `La région ne décide pas de ${qui} : non classé ici, ou classé par une autre région.`],
    ['classe', 'APL-D10', codes(([, d]) => !classes.has(d.zone)),
      (qui) => `Zone inconnue du texte pour ${qui}.`],
    ['motif', 'APL-D01', codes(([, d]) => motifPropre(d.motif) === ''),
      (qui) => `Motif manquant pour ${qui} : chaque décision doit être justifiée.`],
  ];
  return formes.filter(([, , lesquels]) => lesquels.length).map(([regle, faute, lesquels, dire]) => ({
    regle, faute, sujet: '', article: regime.article, bvcv: lesquels, premiers: [],
    texte: dire(mots.liste(lesquels)),
  }));
}

function sansZone(regime, zones, mots) {
  const sans = codesDe(regime.unites.filter((unite) => zones.get(unite.code) === null));
  if (!sans.length) return [];
  const texte = `Sans classement : ${mots.liste(sans)}. L’arrêté classe chaque bassin de vie ou canton-ou-ville.`;
  return [{ regle: 'sans_zone', faute: 'APL-G08', sujet: '', article: regime.article, bvcv: sans,
    premiers: [], texte }];
}

/** Changes that no movement of the regime allows, by kind. */
function nonPrevus(regime, changements, mots) {
  const cle = (de, vers) => JSON.stringify([de, vers]);
  const prevus = new Set(regime.mouvements.map((m) => cle(m.de, m.vers)));
  const genres = new Map();
  for (const c of changements) {
    if (prevus.has(cle(c.de, c.vers))) continue;
    if (!genres.has(cle(c.de, c.vers))) genres.set(cle(c.de, c.vers), []);
    genres.get(cle(c.de, c.vers)).push(c);
  }
  return [...genres.values()].map((passages) => {
    const { de, vers } = passages[0];
    const codes = passages.map((c) => c.unite.code);
    const texte = `${mots.passage(de, vers)} : passage non prévu par le texte, pour ${mots.liste(codes)}.`;
    return { regle: 'non_prevu', faute: 'APL-G06', sujet: sujetDe(de, vers), article: regime.article,
      bvcv: codes, premiers: [], texte };
  });
}

const sujetDe = (de, vers) => `${de === null ? 'no class' : de} → ${vers}`;

/** Changes from outside the exchange zone, or that overtake BVCV of lower APL. */
function horsTour(mouvement, rang, regime, changements, mots) {
  const pris = faits(mouvement, changements);
  const quoi = { sujet: sujetDe(mouvement.de, mouvement.vers), article: mouvement.article, faute: 'APL-G06' };
  const nom = mots.passage(mouvement.de, mouvement.vers);
  const refus = [];
  const dehors = codesDe(pris.filter((unite) => !unite.dedans[rang]));
  if (dehors.length) {
    refus.push({ ...quoi, regle: 'echange', bvcv: dehors, premiers: [],
      texte: `${nom} : hors de la zone d’échange, ${mots.liste(dehors)}.` });
  }
  const derriere = depasses(mouvement, regime, pris);
  if (derriere.length) {
    const devant = codesDe(pris.filter((unite) => unite.niveau > derriere[0].niveau));
    refus.push({ ...quoi, regle: 'ordre', bvcv: devant, premiers: codesDe(derriere),
      texte: `${nom} : l’APL la plus faible d’abord. ${mots.liste(devant)} passe avant `
        + `${mots.liste(codesDe(derriere))}, d’APL plus faible.` });
  }
  return refus;
}

function depasses(mouvement, regime, pris) {
  if (mouvement.ordre === 'free' || !pris.length) return [];
  const dernier = Math.max(...pris.map((unite) => unite.niveau));
  const deja = new Set(codesDe(pris));
  const derriere = regime.unites.filter((unite) => unite.zone === mouvement.de
    && !deja.has(unite.code) && unite.niveau < dernier);
  if (mouvement.ordre === 'lowest_first' || mouvement.borne === null) return derriere;
  return derriere.filter((unite) => somme(pris.filter((autre) => autre.niveau <= unite.niveau))
    + unite.personnes <= mouvement.borne);
}

/** Where a gauge passes what is allowed, the changes taken by ascending APL. */
function depassement(jauge, changements, mots) {
  const trop = jauge.personnes > jauge.plafond;
  const borne = trop ? jauge.plafond : jauge.plancher;
  const poussent = (jauge.regle === 'limite'
    ? changements.filter((c) => c.de === jauge.de && c.vers === jauge.vers)
    : changements.filter((c) => (trop ? c.vers : c.de) === jauge.sujet)).map((c) => c.unite);
  const place = somme(poussent) - Math.abs(jauge.personnes - borne);
  let pris = 0;
  let ou = poussent.findIndex((unite) => { pris += unite.personnes; return pris > place; });
  if (ou < 0) ou = poussent.length;
  const codes = codesDe(poussent);
  const nom = jauge.regle === 'limite' ? mots.passage(jauge.de, jauge.vers) : mots.zone(jauge.sujet);
  const quoi = jauge.regle === 'stabilite' ? 'cette classe ne peut pas croître' : 'la marge est dépassée';
  const texte = `${nom} : ${nombre(jauge.personnes)} ${mots.qui}, ${nombre(borne)} au `
    + `${trop ? 'plus' : 'moins'} ; ${quoi} de ${nombre(Math.abs(jauge.personnes - borne))} ${mots.qui}`
    + (ou < codes.length ? `, à ${mots.liste([codes[ou]])}.` : '.');
  return { regle: jauge.regle, faute: 'APL-G05', sujet: jauge.sujet, article: jauge.article,
    bvcv: codes.slice(ou, ou + 1), premiers: codes.slice(0, ou), personnes: jauge.personnes,
    permis: borne, texte };
}

/** The classes that a BVCV may be given without any other decision being looked at: its own and
 * those that a movement open to it leads to. */
function zonesPossibles(regime, code) {
  const unite = regime.unites.find((u) => u.code === code);
  if (!unite) return [];
  const ouvertes = regime.mouvements.filter((m, rang) => m.de === unite.zone && unite.dedans[rang]);
  const permises = new Set([unite.zone, ...ouvertes.map((m) => m.vers)]);
  return regime.zones.map((z) => z.code).filter((zone) => permises.has(zone));
}
