'use strict';
/* What if: FTE added to or taken from communes, and what they do to each BVCV, cuts held. */

const Essai = (() => {
  const { par, creer, decimal, plus, compte, etiquette, isole, annoncer, simple } = Outils;
  const communes = new Map(); // code → label

  const nom = (code) => `${communes.get(code) || code} (${code})`;

  /** The commune that was written: its code, its name, or both as the list offers them. */
  function lire(texte) {
    const code = (texte.match(/\(([0-9AB]{5})\)\s*$/) || [])[1] || texte.trim().toUpperCase();
    if (communes.has(code)) return code;
    const cle = simple(texte);
    const meme = [...communes].filter(([, libelle]) => simple(libelle) === cle);
    return meme.length === 1 ? meme[0][0] : texte.trim();
  }

  /** Ask for so many FTE in a commune; the page says why where it refuses. */
  function demander(code, etp) {
    const total = (Etat.etat.ajouts.get(code) || 0) + etp;
    const refus = refusAjout(PAIRES, code, total);
    par('essai-refus').textContent = refus;
    if (refus) return false;
    Etat.changer({ type: 'ajouter', commune: code, etp: Math.abs(total) < 1e-9 ? 0 : total });
    annoncer(`${nom(code)} : ${plus(total, 2)} ETP ; `
      + compte(Etat.etat.essai.size, 'bassin de vie change d’APL', 'bassins de vie changent d’APL'));
    return true;
  }

  function ajouts() {
    return [...Etat.etat.ajouts].map(([code, etp]) => creer('li', {},
      isole(nom(code)), ` : ${plus(etp, 2)} ETP `,
      creer('button', { type: 'button', 'aria-label': `Retirer l’essai : ${nom(code)}`,
        onclick: () => {
          Etat.changer({ type: 'ajouter', commune: code, etp: 0 });
          par('essai-commune').focus();
        } }, 'Retirer')));
  }

  function effets() {
    const faits = [...Etat.etat.essai].sort(([, a], [, b]) => Math.abs(b.ecart) - Math.abs(a.ecart));
    return faits.map(([code, { apl, ecart, zone }]) => {
      const b = PAR_CODE.get(code);
      return creer('tr', {},
        creer('th', { scope: 'row' }, isole(b.libelle)),
        creer('td', {}, `${decimal(b.apl, 2)} → ${decimal(apl, 2)}`),
        creer('td', {}, plus(ecart, 3)),
        creer('td', { class: 'c-zone' }, etiquette(zone), zone === b.zone_nationale ? ''
          : creer('span', { class: 'note c-simule' }, 'change de classe')));
    });
  }

  function montrer() {
    par('essai-ajouts').replaceChildren(...ajouts());
    par('essai-effets').hidden = !Etat.etat.essai.size;
    par('essai-effets').tBodies[0].replaceChildren(...effets());
    par('essai-vider').disabled = !Etat.etat.ajouts.size;
  }

  function demarrer() {
    if (!par('essai') || !PAIRES) return;
    for (const b of DONNEES.bvcv) for (const c of b.communes) communes.set(c.code, c.libelle);
    par('essai-commune').addEventListener('focus', () => {
      if (par('essai-communes').children.length) return; // thousands: only when they are wanted
      par('essai-communes').append(...[...communes.keys()].map((code) => creer('option', { value: nom(code) })));
    }, { once: true });
    par('essai-form').addEventListener('submit', (evenement) => {
      evenement.preventDefault();
      if (demander(lire(par('essai-commune').value), Number(par('essai-etp').value))) {
        par('essai-commune').value = '';
      }
    });
    par('essai-vider').addEventListener('click', () => { Etat.changer({ type: 'vider' }); par('essai-commune').focus(); });
    Etat.ecouter((etat, action) => { if (Etat.calcule(action)) montrer(); });
  }

  return { demarrer };
})();
