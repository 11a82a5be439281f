'use strict';
/* The panel of the chosen BVCV: who brings its APL, how far the cuts are, what its zone gives; and
   where its zone is decided. */

const Fiche = (() => {
  const { par, creer, decimal, entier, pourcent, compte, etiquette, nomZone, isole, annoncer } = Outils;

  const couple = (terme, ...valeur) => [creer('dt', {}, terme), creer('dd', {}, ...valeur)];

  function valeurs(b) {
    const zone = Etat.zoneDe(b);
    const essai = Etat.etat.essai.get(b.code);
    return creer('dl', {},
      ...couple('Zone', etiquette(zone), ...(zone === b.zone_nationale ? []
        : [creer('span', { class: 'note' }, ` au niveau national : ${nomZone(b.zone_nationale)}`)])),
      ...couple('APL', `${decimal(b.apl, 2)} ${DONNEES.unite}`),
      ...(essai ? couple('APL simulée', `${decimal(essai.apl, 2)} : `, etiquette(essai.zone)) : []),
      ...(b.intervalle ? couple('Incertitude', (b.intervalle.bas === null ? '' : `de ${decimal(b.intervalle.bas)} à `
        + `${decimal(b.intervalle.haut)} ; `) + `la classe tient dans ${pourcent(b.intervalle.tenue, 0)} des tirages`) : []),
      ...couple('Rang national', entier(b.rang)),
      ...couple('Population', `${entier(b.population)} ${DONNEES.qui}`),
      ...(DONNEES.densite && b.densite !== null ? couple('Densité',
        `${decimal(b.densite)} ${DONNEES.densite.unite} pour ${entier(10000)} habitants`) : []));
  }

  function ecarts(b) {
    if (!b.ecarts || !b.ecarts.length) return [];
    return [creer('h4', {}, 'Distance aux coupures, tenues fixes'), creer('ul', {}, ...b.ecarts.map((e) => {
      const monte = e.sens === 'hausse';
      const ou = e.lieux.map((l) => `${l.libelle || l.code} ${decimal(l.etp, 2)}`).join(', ou ');
      return creer('li', {}, `${nomZone(e.zone)}, ${monte ? 'au-dessus : gagner plus de' : 'au-dessous : perdre'} `
        + `${decimal(e.ecart_apl, 2)} points d’APL`
        + (e.ecart_habitants === null ? '' : ` ; ${entier(e.ecart_habitants)} ${DONNEES.qui} du classement entre les deux`)
        + (ou ? ` ; ETP ${monte ? 'à ajouter' : 'à retirer'}, par commune : ${ou}` : ''));
    }))];
  }

  function apports(b) {
    if (!b.decomposition || !b.decomposition.length) return [];
    return [creer('h4', {}, 'D’où vient son APL'), creer('table', {},
      creer('thead', {}, creer('tr', {}, ...['Commune de l’offre', 'ETP', 'APL', 'Part'].map((t) =>
        creer('th', { scope: 'col' }, t)))),
      creer('tbody', {}, ...b.decomposition.map((p) => creer('tr', {},
        creer('th', { scope: 'row' }, ...(p.code ? [isole(p.libelle),
          creer('span', { class: 'note' }, p.bvcv === b.code ? '' : ' hors du bassin')]
          : [p.autres ? compte(p.autres, 'autre commune', 'autres communes')
            : `${compte(p.regroupees, 'commune regroupée', 'communes regroupées')} (secret)`])),
        creer('td', {}, p.code ? decimal(p.etp, 2) : ''),
        creer('td', {}, decimal(p.apl, 2)), creer('td', {}, pourcent(b.apl ? p.apl / b.apl : 0))))))];
  }

  function donne(b) {
    const zone = Etat.zoneDe(b);
    const liste = DONNEES.benefices[zone] || [];
    if (!liste.length) return [];
    return [creer('h4', {}, `Ce que donne la zone « ${nomZone(zone)} »`), ...liste.map((un) => creer('div', {},
      un.titre ? creer('p', {}, creer('strong', {}, un.titre)) : '',
      creer('blockquote', {}, `« ${un.texte} » `, creer('span', { class: 'article' }, `(${un.article})`))))];
  }

  /** Where the zone of a BVCV is decided; nothing where the law leaves no choice. */
  function decision(b) {
    const { regime } = DONNEES;
    if (!regime) return [];
    if (!b.dans_region) {
      return [creer('p', { class: 'note' }, `Ce bassin est classé en entier par une autre région (${b.region}).`)];
    }
    const ouvertes = zonesPossibles(regime, b.code);
    if (ouvertes.length < 2 && !Etat.etat.decisions.has(b.code)) {
      return [creer('p', { class: 'note' }, `La région ne peut pas changer cette zone (${regime.article}).`)];
    }
    const prise = Etat.etat.decisions.get(b.code);
    const actuelle = Etat.zoneDe(b);
    const choix = regime.zones.filter((z) => ouvertes.includes(z.code) || z.code === actuelle);
    const form = creer('form', { id: 'decider' },
      creer('fieldset', {}, creer('legend', {}, 'Décider de la zone'),
        creer('div', { class: 'choix' }, ...choix.map((z) => creer('label', {}, creer('input', { type: 'radio',
          name: 'zone', value: z.code, checked: z.code === actuelle }), ` ${z.libelle}`
          + (z.code === b.zone_nationale ? ' (national)' : ''))))),
      creer('label', { for: 'motif' }, 'Motif de la décision (la règle demande une raison propre à la région)'),
      creer('textarea', { id: 'motif', name: 'motif', maxlength: 500, 'aria-describedby': 'motif-aide' },
        prise ? prise.motif : ''),
      creer('p', { class: 'note', id: 'motif-aide' }, regime.motifs.length
        ? `Le texte nomme : ${regime.motifs.join(', ')}.` : 'Une phrase suffit.'),
      creer('p', { id: 'decider-refus', role: 'alert', class: 'c-simule' }),
      creer('button', { type: 'submit' }, 'Décider'), ...etatDesMarges(b));
    form.addEventListener('submit', (evenement) => { evenement.preventDefault(); decider(b, form); });
    return [form];
  }

  /** What the margins say now, beside the choice: the gauges themselves may be out of sight. */
  function etatDesMarges(b) {
    const { jauges, refus } = Etat.etat.jugement;
    const miens = refus.filter((r) => r.bvcv.includes(b.code) || r.premiers.includes(b.code));
    return [creer('ul', { class: 'marges-ici' },
      ...jauges.map((j, rang) => creer('li', { class: j.depassee ? 'c-simule' : undefined },
        `${par('marges').children[rang].querySelector('.jauge-nom').firstChild.data.trim()} : `
        + `${entier(j.utilise)} sur ${entier(j.permis)} ${DONNEES.qui}`)),
      ...miens.map((r) => creer('li', { class: 'c-simule' }, `${r.texte} (${r.article})`)))];
  }

  function decider(b, form) {
    const zone = new FormData(form).get('zone');
    const motif = motifPropre(new FormData(form).get('motif'));
    if (zone !== b.zone_nationale && motif === '') {
      par('decider-refus').textContent = 'Dire pourquoi : une décision sans motif serait refusée.';
      par('motif').setAttribute('aria-invalid', 'true');
      par('motif').focus();
      return;
    }
    Etat.changer({ type: 'decider', code: b.code, zone, motif });
    const { refus } = Etat.etat.jugement;
    annoncer(`${b.libelle} : ${nomZone(zone)}. ` + (refus.length ? `${compte(refus.length, 'règle n’est pas tenue', 'règles ne sont pas tenues')}.`
      : 'Toutes les règles sont tenues.'));
    const bouton = document.querySelector('#decider button');
    if (bouton) bouton.focus(); // the panel was drawn again
  }

  function montrer(code) {
    const b = PAR_CODE.get(code);
    if (!b) return;
    const ici = Carte.montre(code);
    par('fiche-corps').replaceChildren(
      creer('h3', {}, isole(b.libelle), ' ', creer('span', { class: 'code' }, code)),
      valeurs(b),
      creer('p', { class: 'commandes' },
        ici ? creer('button', { type: 'button', onclick: () => Carte.zoomer(code) }, 'Voir de près sur la carte') : '',
        creer('button', { type: 'button', onclick: () => Tableau.aller(code) }, 'Aller à sa ligne du tableau'),
        DONNEES.regions ? creer('a', { href: `region-${b.region}.html` }, 'Page de sa région') : ''),
      ...decision(b), ...ecarts(b), ...apports(b), ...donne(b));
  }

  function demarrer() {
    Etat.ecouter((etat, action) => {
      if (action.type === 'choisir') {
        montrer(action.code);
        const b = PAR_CODE.get(action.code);
        annoncer(`${b.libelle}, ${nomZone(Etat.zoneDe(b))}, APL ${decimal(b.apl)} : sa fiche est affichée, choisir de nouveau pour y aller`);
      } else if (Etat.calcule(action) && etat.selection) montrer(etat.selection);
    });
  }

  function aller() {
    par('fiche-titre').focus();
    par('fiche').scrollIntoView({ block: 'nearest', behavior: Outils.doux() });
  }

  return { demarrer, aller };
})();
