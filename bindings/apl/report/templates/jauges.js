'use strict';
/* Population by class and what the margins still allow, with the decisions; refusals with their article. */

const Jauges = (() => {
  const { par, creer, entier, pourcent } = Outils;

  /** The table of classes: national figures, plus what the decisions move. */
  function parts(jugement) {
    const total = DONNEES.regime.population;
    const change = new Map(DONNEES.zones.map((z) => [z.code, { bvcv: 0, population: 0 }]));
    const bouger = (zone, unite, sens) => {
      if (!change.has(zone)) return;
      change.get(zone).bvcv += sens;
      change.get(zone).population += sens * unite.personnes;
    };
    for (const unite of DONNEES.regime.unites) {
      bouger(PAR_CODE.get(unite.code).zone, unite, -1);
      bouger(jugement.zones.get(unite.code), unite, 1);
    }
    for (const z of DONNEES.zones) {
      const ligne = document.querySelector(`tr[data-part="${z.code}"]`);
      const population = z.population + change.get(z.code).population;
      ecrire(ligne, 'bvcv', entier(z.bvcv + change.get(z.code).bvcv));
      ecrire(ligne, 'population', entier(population));
      ecrire(ligne, 'part', pourcent(total ? population / total : 0, 2));
    }
  }

  /** Text changes only where it differs, so that a live region says no more than what moved. */
  function ecrire(dans, quoi, texte) {
    const place = dans.querySelector(`[data-quoi="${quoi}"]`);
    if (place.textContent !== texte) place.textContent = texte;
  }

  function marges(jugement) {
    jugement.jauges.forEach((jauge, rang) => {
      const item = document.querySelector(`[data-jauge="${rang}"]`);
      const part = jauge.permis > 0 ? Math.min(1, Math.abs(jauge.utilise) / jauge.permis) : jauge.utilise ? 1 : 0;
      item.querySelector('.plein').setAttribute('width', (100 * part).toFixed(2));
      item.classList.toggle('depassee', jauge.depassee);
      ecrire(item, 'utilise', entier(jauge.utilise));
      ecrire(item, 'permis', entier(jauge.permis));
      ecrire(item, 'reste', entier(jauge.reste));
    });
  }

  function refus(jugement) {
    const boite = par('refus');
    const textes = jugement.refus.map((r) => `${r.texte} (${r.article})`);
    if (boite.dataset.textes === textes.join('\n')) return;
    boite.dataset.textes = textes.join('\n');
    boite.replaceChildren(...(textes.length ? [creer('div', { class: 'refus' },
      creer('h3', {}, textes.length > 1 ? `${textes.length} règles ne sont pas tenues` : 'Une règle n’est pas tenue'),
      creer('ul', {}, ...textes.map((texte) => creer('li', {}, texte))))] : []));
  }

  function montrer(jugement) {
    parts(jugement);
    marges(jugement);
    refus(jugement);
  }

  function demarrer() {
    if (!DONNEES.regime) return;
    montrer(Etat.etat.jugement);
    Etat.ecouter((etat, action) => { if (Etat.calcule(action)) montrer(etat.jugement); });
  }

  return { demarrer };
})();
