'use strict';
/* What if there were more or fewer FTE: exact, since the APL is linear in supply.
   One FTE at j gives par · w / D_j to each inhabitant of i (report/pairs_data.py packs these). */

const PLUS_GRAND_AJOUT = 1e6; // FTE in one commune

function tableau(base64, Genre) {
  const texte = atob(base64);
  const octets = new Uint8Array(texte.length);
  for (let k = 0; k < texte.length; k += 1) octets[k] = texte.charCodeAt(k); // from() takes ten times it
  return new Genre(octets.buffer);
}

/** Unpack the page's `paires`, once: some 10 ms of the largest region. */
function ouvrirPaires(paires) {
  const { cibles, debuts } = lireTrajets(tableau(paires.trajets, Uint8Array),
    paires.communes.length * paires.poids_trajets.length);
  const rangs = (codes) => new Map(codes.map((code, rang) => [code, rang]));
  return {
    ...paires,
    cibles,
    debuts,
    rangCommune: rangs(paires.communes),
    rangBvcv: rangs(paires.bvcv),
    sansTrajet: new Set(paires.sans_trajet),
    unite: tableau(paires.unite, Uint16Array),
    poids: tableau(paires.poids, Float64Array),
    poidsBvcv: tableau(paires.poids_bvcv, Float64Array),
    demande: tableau(paires.demande, Float64Array),
  };
}

/** For each place and weight: how many communes, the first position, then differences. */
function lireTrajets(octets, groupes) {
  const cibles = new Uint32Array(octets.length); // at least a byte each
  const debuts = new Uint32Array(groupes + 1);
  let lu = 0;
  const suivant = () => {
    let [valeur, decalage, octet] = [0, 0, 0];
    do {
      octet = octets[lu];
      valeur |= (octet & 127) << decalage;
      decalage += 7;
      lu += 1;
    } while (octet & 128);
    return valeur;
  };
  let place = 0;
  for (let groupe = 0; groupe < groupes; groupe += 1) {
    let cible = 0;
    for (let reste = suivant(); reste > 0; reste -= 1) {
      cible += suivant();
      cibles[place] = cible;
      place += 1;
    }
    debuts[groupe + 1] = place;
  }
  return { cibles: cibles.subarray(0, place), debuts };
}

/** Δ of the APL with FTE added (or removed, below 0).
 * paires: of `ouvrirPaires`; ajouts: Map of commune → FTE.
 * Returns {communes, bvcv}: Float64Array in the order of paires.communes and paires.bvcv. */
function simuler(paires, ajouts) {
  const communes = new Float64Array(paires.communes.length);
  const niveaux = paires.poids_trajets.length;
  for (const [code, etp] of ajouts) {
    const lieu = paires.rangCommune.get(code);
    if (lieu === undefined || !(paires.demande[lieu] > 0)) continue; // nobody comes there
    for (let niveau = 0; niveau < niveaux; niveau += 1) {
      const gain = paires.par * paires.poids_trajets[niveau] * etp / paires.demande[lieu];
      const groupe = lieu * niveaux + niveau;
      for (let k = paires.debuts[groupe]; k < paires.debuts[groupe + 1]; k += 1) {
        communes[paires.cibles[k]] += gain;
      }
    }
  }
  const bvcv = new Float64Array(paires.bvcv.length);
  communes.forEach((gain, k) => { bvcv[paires.unite[k]] += gain * paires.poids[k]; });
  bvcv.forEach((total, b) => { if (paires.poidsBvcv[b] > 0) bvcv[b] = total / paires.poidsBvcv[b]; });
  return { communes, bvcv };
}

/** The class of an APL under the national cuts, held as they are: a class ends at its level, which
 * it includes. zones: codes of the classes, lowest APL first. */
function zoneAuNiveau(paires, zones, apl) {
  return zones[paires.seuils.filter((seuil) => seuil === null || seuil < apl).length];
}

/** The BVCV of the page with other FTE: Map of code → {apl, zone, ecart}, of those that change.
 * bvcv: array of {code, apl, zone_nationale}. */
function bvcvSimules(paires, zones, bvcv, ajouts) {
  const delta = simuler(paires, ajouts).bvcv;
  const trouves = new Map();
  for (const unite of bvcv) {
    const ecart = delta[paires.rangBvcv.get(unite.code)];
    if (!ecart || unite.apl === null) continue; // 0, or no pair
    const apl = unite.apl + ecart;
    trouves.set(unite.code, { apl, ecart, zone: zoneAuNiveau(paires, zones, apl) });
  }
  return trouves;
}

/** Why FTE cannot be added (or removed) in a commune; '' where they can. */
function refusAjout(paires, code, etp) {
  const lieu = paires.rangCommune.get(code);
  if (lieu === undefined) return `« ${code} » n’est pas une commune de cette page.`;
  if (!Number.isFinite(etp) || Math.abs(etp) > PLUS_GRAND_AJOUT) return 'Indiquer un nombre d’ETP.';
  if (etp > 0 && paires.sansTrajet.has(code)) {
    return 'Aucun temps de trajet ne mène à cette commune : personne n’y gagnerait.';
  }
  if (etp >= 0) return '';
  if (paires.etp[lieu] === null) {
    return 'Secret statistique : l’offre de cette commune n’est pas montrée, on ne peut rien y retirer ici.';
  }
  if (etp < -paires.etp[lieu]) {
    const reste = paires.etp[lieu].toLocaleString('fr-FR', { maximumFractionDigits: 2 });
    return `On ne peut pas retirer plus que l’offre en place : ${reste} ETP.`;
  }
  return '';
}
