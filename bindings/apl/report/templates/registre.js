'use strict';
/* The register of decisions: listed, undone, written to and read from decisions.csv. */

const Registre = (() => {
  const { par, creer, compte, etiquette, isole, annoncer } = Outils;

  function lignes() {
    const { decisions } = Etat.etat;
    const faits = DONNEES.regime.unites.filter((u) => decisions.has(u.code)
      && decisions.get(u.code).zone !== u.zone);
    if (!faits.length) {
      return [creer('tr', { class: 'vide' },
        creer('td', { colspan: 5 }, 'Aucune : la région garde le classement national.'))];
    }
    return faits.map((unite) => {
      const { zone, motif } = decisions.get(unite.code);
      const { libelle } = PAR_CODE.get(unite.code);
      return creer('tr', {},
        creer('th', { scope: 'row' }, isole(libelle)),
        creer('td', {}, etiquette(unite.zone)),
        creer('td', {}, etiquette(zone)),
        creer('td', {}, isole(motif || '')),
        creer('td', {}, creer('button', { type: 'button', 'aria-label': `Retirer la décision : ${libelle}`,
          onclick: () => retirer(unite, libelle) }, 'Retirer')));
    });
  }

  function retirer(unite, libelle) {
    Etat.changer({ type: 'decider', code: unite.code, zone: unite.zone, motif: '' });
    annoncer(`Décision retirée : ${libelle}`);
    par('registre-titre').focus(); // its button is gone
  }

  function montrer() {
    par('decisions').tBodies[0].replaceChildren(...lignes());
    par('defaire').disabled = !Etat.peutDefaire();
    par('refaire').disabled = !Etat.peutRefaire();
  }

  function enregistrer() {
    const texte = ecrireDecisions(DONNEES.regime, Etat.etat.decisions);
    const adresse = URL.createObjectURL(new Blob([texte], { type: 'text/csv;charset=utf-8' }));
    creer('a', { href: adresse, download: 'decisions.csv' }).click();
    setTimeout(() => URL.revokeObjectURL(adresse), 1000);
    const { refus } = Etat.etat.jugement;
    annoncer(refus.length ? `decisions.csv enregistré ; ${compte(refus.length, 'règle n’est pas tenue', 'règles ne sont pas tenues')}`
      : 'decisions.csv enregistré, toutes les règles sont tenues');
  }

  async function ouvrir() {
    const fichier = par('ouvrir').files[0];
    if (!fichier) return;
    const { decisions, erreurs } = lireFichier(await fichier.arrayBuffer(), DONNEES.regime);
    par('ouvrir').value = '';
    par('erreurs-fichier').replaceChildren(...(erreurs.length ? [creer('div', { class: 'refus' },
      creer('h3', {}, `${fichier.name} n’a pas été pris`),
      creer('ul', {}, ...erreurs.slice(0, 20).map((texte) => creer('li', {}, texte))))] : []));
    if (erreurs.length) return;
    Etat.changer({ type: 'charger', decisions });
    annoncer(`${compte(decisions.size, 'décision lue', 'décisions lues')} dans ${fichier.name}`);
  }

  function touche(evenement) {
    const dansTexte = /^(INPUT|TEXTAREA)$/.test(evenement.target.tagName);
    if (dansTexte || !(evenement.ctrlKey || evenement.metaKey)) return;
    const refait = evenement.key === 'y' || (evenement.key === 'Z' && evenement.shiftKey);
    if (evenement.key !== 'z' && !refait) return;
    evenement.preventDefault();
    Etat.changer({ type: refait ? 'refaire' : 'defaire' });
  }

  function demarrer() {
    if (!par('registre')) return;
    par('registre-titre').setAttribute('tabindex', '-1');
    par('defaire').addEventListener('click', () => { Etat.changer({ type: 'defaire' }); annoncer('Défait'); });
    par('refaire').addEventListener('click', () => { Etat.changer({ type: 'refaire' }); annoncer('Refait'); });
    par('enregistrer').addEventListener('click', enregistrer);
    par('ouvrir').addEventListener('change', ouvrir);
    document.addEventListener('keydown', touche);
    Etat.ecouter((etat, action) => { if (Etat.calcule(action)) montrer(); });
    montrer();
  }

  return { demarrer };
})();
