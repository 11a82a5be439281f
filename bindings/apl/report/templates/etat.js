'use strict';
/* The one state of the page: what is decided, tried, chosen, filtered. Views listen; `changer` alone
   changes it, so that whatever is done can be undone and all views stay in step. */

const Etat = (() => {
  const regime = DONNEES.regime;
  const etat = {
    decisions: regime ? decisionsEnPlace(regime) : new Map(), // code → {zone, motif}
    ajouts: new Map(), // commune → FTE
    selection: null,
    filtre: { texte: '', zone: '', perimetre: regime ? 'ici' : '' },
    tri: { cle: 'rang', sens: 1 },
    mode: 'zone',
    jugement: null, // of jugerDecisions
    essai: new Map(), // code → {apl, zone, ecart}
  };
  const passe = [];
  const futur = [];
  const ecouteurs = [];

  const ACTIONS = {
    choisir: ({ code }) => { etat.selection = code; },
    filtrer: ({ filtre }) => { etat.filtre = { ...etat.filtre, ...filtre }; },
    trier: ({ cle }) => { etat.tri = { cle, sens: etat.tri.cle === cle ? -etat.tri.sens : 1 }; },
    mode: ({ mode }) => { etat.mode = mode; },
    decider: ({ code, zone, motif }) => {
      const decisions = new Map(etat.decisions);
      const unite = regime.unites.find((u) => u.code === code);
      if (zone === unite.zone) decisions.delete(code);
      else decisions.set(code, { zone, motif });
      etat.decisions = decisions;
    },
    charger: ({ decisions }) => { etat.decisions = new Map(decisions); },
    ajouter: ({ commune, etp }) => {
      const ajouts = new Map(etat.ajouts);
      if (etp) ajouts.set(commune, etp);
      else ajouts.delete(commune);
      etat.ajouts = ajouts;
    },
    vider: () => { etat.ajouts = new Map(); },
    defaire: () => reprendre(passe, futur),
    refaire: () => reprendre(futur, passe),
  };
  const DEFAISABLES = new Set(['decider', 'charger', 'ajouter', 'vider']);
  const CALCULS = new Set([...DEFAISABLES, 'defaire', 'refaire']);

  const image = () => ({ decisions: etat.decisions, ajouts: etat.ajouts });

  function reprendre(d_ou, vers) {
    if (!d_ou.length) return;
    vers.push(image());
    Object.assign(etat, d_ou.pop());
  }

  function calculer() {
    if (regime) etat.jugement = jugerDecisions(regime, DONNEES.bvcv, etat.decisions);
    if (PAIRES) {
      etat.essai = etat.ajouts.size
        ? bvcvSimules(PAIRES, DONNEES.zones.map((z) => z.code), DONNEES.bvcv, etat.ajouts) : new Map();
    }
  }

  /** Do an action: {type, …}; listeners hear of it once the state is whole again. */
  function changer(action) {
    if (DEFAISABLES.has(action.type)) {
      passe.push(image());
      futur.length = 0;
    }
    ACTIONS[action.type](action);
    if (CALCULS.has(action.type)) calculer();
    for (const ecouteur of ecouteurs) ecouteur(etat, action);
  }

  const zoneDe = (b) => (etat.jugement && etat.jugement.zones.has(b.code)
    ? etat.jugement.zones.get(b.code) : b.zone);

  calculer();
  return {
    etat,
    changer,
    ecouter: (ecouteur) => ecouteurs.push(ecouteur),
    zoneDe,
    peutDefaire: () => passe.length > 0,
    peutRefaire: () => futur.length > 0,
    calcule: (action) => CALCULS.has(action.type),
  };
})();
