'use strict';
/* The table of BVCV: sorted, filtered, searched by commune; a row and a shape are one choice. */

const Tableau = (() => {
  const { par, creer, decimal, etiquette, nomZone, isole, simple, entier } = Outils;
  const table = par('tableau');
  const corps = table.tBodies[0];
  const lignes = new Map([...corps.rows].map((ligne) => [ligne.dataset.code, ligne]));
  const rangZone = new Map(DONNEES.zones.map((z, rang) => [z.code, rang]));
  const VALEURS = {
    libelle: (b) => simple(b.libelle),
    zone: (b) => rangZone.get(Etat.zoneDe(b)) ?? -1,
    apl: (b) => (Etat.etat.essai.get(b.code) || b).apl ?? -1,
    rang: (b) => b.rang ?? 0,
    population: (b) => b.population,
    densite: (b) => b.densite ?? -1,
    tenue: (b) => (b.intervalle ? b.intervalle.tenue : 2),
    region: (b) => b.region,
  };
  const PREMIERES = 500; // rows shown at once: 3,000 take a browser most of a second to lay out
  let tout = false;
  let lieux = null; // code → what it is found by, made when something is looked for

  /** What a BVCV is found by: its name and code, and those of its communes. */
  function mots(b) {
    const communes = b.communes || b.lieux.split('|').map((lieu) => ({ code: lieu.slice(0, 5), libelle: lieu.slice(6) }));
    return [{ libelle: b.libelle, code: b.code }, ...communes]
      .map((lieu) => ({ libelle: lieu.libelle, cle: `${simple(lieu.libelle)} ${lieu.code.toLowerCase()}` }));
  }

  function garde(b) {
    const { texte, zone, perimetre } = Etat.etat.filtre;
    if (zone && Etat.zoneDe(b) !== zone) return false;
    if (perimetre && b.dans_region !== (perimetre === 'ici')) return false;
    const cherche = simple(texte);
    if (!cherche) return true;
    if (!lieux) lieux = new Map(DONNEES.bvcv.map((un) => [un.code, mots(un)]));
    return lieux.get(b.code).find((lieu) => lieu.cle.includes(cherche)) || false;
  }

  function filtrer() {
    const gardes = new Set();
    for (const ligne of corps.rows) {
      const b = PAR_CODE.get(ligne.dataset.code);
      const trouve = garde(b);
      if (trouve) gardes.add(b.code);
      ligne.hidden = !trouve || (!tout && gardes.size > PREMIERES);
      if (ligne.dataset.trouve) ligne.querySelector('.trouve').remove();
      delete ligne.dataset.trouve;
      if (trouve && trouve !== true && trouve.libelle !== b.libelle) {
        ligne.dataset.trouve = 'oui';
        ligne.cells[0].append(creer('span', { class: 'trouve' }, 'commune : ', isole(trouve.libelle)));
      }
    }
    const reste = tout ? 0 : Math.max(0, gardes.size - PREMIERES);
    par('compte').textContent = `${entier(gardes.size)} sur ${entier(DONNEES.bvcv.length)}`
      + (reste ? `, les ${entier(PREMIERES)} premiers montrés` : '');
    if (par('tout-montrer')) par('tout-montrer').hidden = !reste;
    Carte.filtrer(gardes);
  }

  function trier() {
    const { cle, sens } = Etat.etat.tri;
    const valeur = VALEURS[cle];
    const ordre = DONNEES.bvcv.map((b) => [valeur(b), b]);
    ordre.sort(([a, x], [b, y]) => (a < b ? -sens : a > b ? sens : (x.rang ?? 0) - (y.rang ?? 0)));
    corps.append(...ordre.map(([, b]) => lignes.get(b.code)));
    for (const tete of table.querySelectorAll('th[data-tri]')) {
      const ici = tete.dataset.tri === cle;
      tete.setAttribute('aria-sort', !ici ? 'none' : sens > 0 ? 'ascending' : 'descending');
    }
  }

  /** Classes and simulated APL; only the rows that differ are written. */
  function remplir() {
    const { essai } = Etat.etat;
    for (const b of DONNEES.bvcv) {
      const ligne = lignes.get(b.code);
      const zone = Etat.zoneDe(b);
      const simule = essai.get(b.code);
      const cle = `${zone} ${simule ? `${simule.apl} ${simule.zone}` : ''}`;
      if ((ligne.dataset.cle || `${b.zone} `) === cle) continue;
      ligne.dataset.cle = cle;
      const change = zone !== b.zone_nationale;
      ligne.querySelector('.c-zone').replaceChildren(etiquette(zone), change
        ? creer('span', { class: 'note' }, `au niveau national : ${nomZone(b.zone_nationale)}`) : '');
      ligne.querySelector('.c-apl').replaceChildren(decimal(b.apl), ...(simule
        ? [creer('span', { class: 'note c-simule' }, ` → ${decimal(simule.apl)}`
          + (simule.zone === b.zone_nationale ? '' : ` (${nomZone(simule.zone)})`))] : []));
    }
  }

  function marquer(code) {
    for (const ligne of corps.querySelectorAll('tr.choisi')) {
      ligne.classList.remove('choisi');
      ligne.querySelector('.nom button').setAttribute('aria-pressed', 'false');
    }
    const ligne = lignes.get(code);
    if (!ligne) return;
    if (ligne.hidden && garde(PAR_CODE.get(code))) ligne.hidden = false; // chosen on the map
    ligne.classList.add('choisi');
    ligne.querySelector('.nom button').setAttribute('aria-pressed', 'true');
    if (ligne.hidden || ligne.contains(document.activeElement)) return;
    const cadre = table.parentElement; // scrolled by itself: the page stays where it is
    const [haut, bas] = [ligne.offsetTop - table.tHead.offsetHeight, ligne.offsetTop + ligne.offsetHeight];
    if (haut < cadre.scrollTop || bas > cadre.scrollTop + cadre.clientHeight) {
      cadre.scrollTo({ top: haut - 60, behavior: Outils.doux() });
    }
  }

  function boutons() {
    for (const tete of table.querySelectorAll('th[data-tri]')) {
      const bouton = creer('button', { type: 'button',
        onclick: () => Etat.changer({ type: 'trier', cle: tete.dataset.tri }) }, ...tete.childNodes);
      tete.append(bouton);
    }
    for (const [code, ligne] of lignes) {
      const nom = ligne.querySelector('.nom');
      nom.append(creer('button', { type: 'button', 'aria-pressed': 'false' }, ...nom.childNodes));
      nom.dataset.code = code;
    }
    corps.addEventListener('click', (evenement) => {
      const nom = evenement.target.closest('.nom');
      if (!nom) return;
      if (Etat.etat.selection === nom.dataset.code) Fiche.aller(); // once chooses, twice goes there
      else Etat.changer({ type: 'choisir', code: nom.dataset.code });
    });
  }

  function lire() {
    Etat.changer({ type: 'filtrer', filtre: {
      texte: par('cherche').value,
      zone: par('par-zone').value,
      ...(par('perimetre') ? { perimetre: par('perimetre').value } : {}),
    } });
  }

  function demarrer() {
    boutons();
    for (const id of ['cherche', 'par-zone', 'perimetre']) {
      if (par(id)) par(id).addEventListener('input', lire);
    }
    if (par('tout-montrer')) {
      par('tout-montrer').addEventListener('click', () => { tout = true; filtrer(); par('cherche').focus(); });
    }
    par('cherche').form.addEventListener('submit', (evenement) => evenement.preventDefault());
    Etat.ecouter((etat, action) => {
      if (Etat.calcule(action)) remplir();
      if (action.type === 'filtrer' || (Etat.calcule(action) && etat.filtre.zone)) filtrer();
      if (action.type === 'trier') {
        trier();
        if (lignes.size > PREMIERES) filtrer(); // others are the first
      }
      if (action.type === 'choisir') marquer(action.code);
    });
    remplir();
    table.querySelector('th[data-tri=rang]').setAttribute('aria-sort', 'ascending'); // as it is written
    filtrer();
  }

  function aller(code) {
    if (lignes.get(code).hidden) { // out of the filter: which goes
      for (const id of ['cherche', 'par-zone', 'perimetre']) if (par(id)) par(id).value = '';
      lire();
      lignes.get(code).hidden = false;
    }
    lignes.get(code).querySelector('.nom button').focus();
  }

  return { demarrer, aller };
})();
