'use strict';
/* The map: coloured by zone, by APL or by simulated zone; chosen with a pointer or with keys. */

const Carte = (() => {
  const { par, annoncer, decimal, entier, nomZone } = Outils;
  const svg = par('carte-svg');
  const GRANDISSEMENT = 1.5;
  const PLUS_PRES = 40; // the largest zoom
  const FLECHES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  let groupe;
  let chemins = new Map(); // code → path
  let centres = null; // code → [x, y], measured when keys first need them
  let vise = null; // code under the keys
  let tout;
  let cadre;

  function mots(code) {
    const b = PAR_CODE.get(code);
    const zone = Etat.zoneDe(b);
    const essai = Etat.etat.essai.get(code);
    return `${b.libelle} : ${nomZone(zone)}, APL ${decimal(b.apl)}, ${entier(b.population)} ${DONNEES.qui}`
      + (essai ? ` ; simulé : APL ${decimal(essai.apl)}, ${nomZone(essai.zone)}` : '');
  }

  function colorer() {
    const { mode, essai } = Etat.etat;
    svg.dataset.mode = mode === 'apl' ? 'apl' : 'zone';
    for (const [code, chemin] of chemins) {
      const simule = mode === 'essai' && essai.get(code);
      const zone = (simule ? simule.zone : Etat.zoneDe(PAR_CODE.get(code))) || 'sans';
      if (chemin.dataset.zone !== zone) chemin.dataset.zone = zone; // only what changes is drawn again
    }
    if (vise) chemins.get(vise).setAttribute('aria-label', mots(vise));
    par('legende-apl').hidden = mode !== 'apl';
    par('legende-zone').hidden = mode === 'apl';
  }

  function marquer(code) {
    const avant = groupe.querySelector('[aria-selected=true]');
    if (avant) avant.setAttribute('aria-selected', 'false');
    const chemin = chemins.get(code);
    if (chemin) chemin.setAttribute('aria-selected', 'true');
    par('carte-choisi').setAttribute('d', chemin ? chemin.getAttribute('d') : '');
    if (chemin) viser(code);
  }

  function viser(code) {
    if (vise && chemins.get(vise)) chemins.get(vise).classList.remove('ici');
    vise = code;
    const chemin = chemins.get(code);
    if (!chemin) return;
    if (document.activeElement === groupe) chemin.classList.add('ici');
    chemin.setAttribute('aria-label', mots(code)); // the others bear their name alone: 3,000 of them
    groupe.setAttribute('aria-activedescendant', chemin.id);
    par('survol').textContent = mots(code);
  }

  function mesurer() {
    centres = new Map([...chemins].map(([code, chemin]) => {
      const { x, y, width, height } = chemin.getBBox();
      return [code, [x + width / 2, y + height / 2]];
    }));
  }

  /** The nearest BVCV in a direction: close, and not too far aside. */
  function voisin(depuis, [dx, dy]) {
    if (!centres) mesurer();
    const [x, y] = centres.get(depuis);
    let [meilleur, moindre] = [null, Infinity];
    for (const [code, [cx, cy]] of centres) {
      const avance = (cx - x) * dx + (cy - y) * dy;
      const cote = Math.abs((cx - x) * dy) + Math.abs((cy - y) * dx);
      const cout = avance + 2.5 * cote;
      if (avance > 0 && cote <= 2 * avance && cout < moindre && visible(code)) {
        [meilleur, moindre] = [code, cout];
      }
    }
    return meilleur;
  }

  const visible = (code) => !chemins.get(code).classList.contains('hors');

  function cadrer([x, y, largeur, hauteur]) {
    cadre = [x, y, largeur, hauteur];
    svg.setAttribute('viewBox', cadre.join(' '));
    const echelle = Number(svg.dataset.trame) * largeur / tout[2];
    for (const motif of svg.querySelectorAll('pattern')) {
      motif.setAttribute('patternTransform', `scale(${echelle})`);
    }
  }

  /** Zoom around the BVCV under the keys, or the middle. */
  function grandir(facteur) {
    if (!centres) mesurer();
    const largeur = Math.min(tout[2], Math.max(tout[2] / PLUS_PRES, cadre[2] / facteur));
    const hauteur = largeur * tout[3] / tout[2];
    const [x, y] = centres.get(vise) || [cadre[0] + cadre[2] / 2, cadre[1] + cadre[3] / 2];
    cadrer(largeur >= tout[2] ? tout : [x - largeur / 2, y - hauteur / 2, largeur, hauteur]);
  }

  function zoomer(code) {
    const { x, y, width, height } = chemins.get(code).getBBox();
    const largeur = Math.min(tout[2], Math.max(width, height * tout[2] / tout[3]) * 3);
    const hauteur = largeur * tout[3] / tout[2];
    cadrer([x + (width - largeur) / 2, y + (height - hauteur) / 2, largeur, hauteur]);
    viser(code);
  }

  function touche(evenement) {
    const vers = FLECHES[evenement.key];
    const premier = vise || chemins.keys().next().value;
    const codes = [...chemins.keys()].filter(visible);
    if (vers) viser(voisin(premier, vers) || premier);
    else if (evenement.key === 'Home') viser(codes[0] || premier);
    else if (evenement.key === 'End') viser(codes[codes.length - 1] || premier);
    else if (evenement.key === 'Enter' || evenement.key === ' ') choisir(premier);
    else if (evenement.key === '+') grandir(GRANDISSEMENT);
    else if (evenement.key === '-') grandir(1 / GRANDISSEMENT);
    else if (evenement.key === '0') cadrer(tout);
    else return;
    evenement.preventDefault();
  }

  /** Once chooses, twice goes to the panel. */
  function choisir(code) {
    if (Etat.etat.selection === code) Fiche.aller();
    else Etat.changer({ type: 'choisir', code });
  }

  function filtrer(codes) {
    if (svg) for (const [code, chemin] of chemins) chemin.classList.toggle('hors', !codes.has(code));
  }

  function demarrer() {
    if (!svg) return;
    groupe = par('carte-bvcv');
    tout = svg.dataset.cadre.split(' ').map(Number);
    cadre = tout;
    chemins = new Map([...groupe.children].map((chemin) => [chemin.dataset.code, chemin]));
    groupe.setAttribute('role', 'listbox');
    groupe.setAttribute('tabindex', '0');
    groupe.setAttribute('aria-label', 'Bassins de vie de la carte');
    for (const [code, chemin] of chemins) {
      chemin.setAttribute('role', 'option');
      chemin.setAttribute('aria-label', PAR_CODE.get(code).libelle);
      chemin.setAttribute('aria-selected', 'false');
    }
    const code = (evenement) => evenement.target.dataset && evenement.target.dataset.code;
    groupe.addEventListener('pointerover', (e) => { if (code(e)) par('survol').textContent = mots(code(e)); });
    groupe.addEventListener('click', (e) => { if (code(e)) choisir(code(e)); });
    groupe.addEventListener('keydown', touche);
    groupe.addEventListener('focus', () => viser(vise || chemins.keys().next().value));
    groupe.addEventListener('blur', () => { if (vise) chemins.get(vise).classList.remove('ici'); });
    for (const bouton of document.querySelectorAll('input[name=mode]')) {
      bouton.addEventListener('change', () => Etat.changer({ type: 'mode', mode: bouton.value }));
    }
    par('zoom-plus').addEventListener('click', () => grandir(GRANDISSEMENT));
    par('zoom-moins').addEventListener('click', () => grandir(1 / GRANDISSEMENT));
    par('zoom-tout').addEventListener('click', () => { cadrer(tout); annoncer('Carte entière'); });
    Etat.ecouter((etat, action) => {
      if (Etat.calcule(action) || action.type === 'mode') colorer();
      if (action.type === 'choisir') marquer(action.code);
    });
    colorer();
  }

  return { demarrer, zoomer, filtrer, montre: (code) => chemins.has(code) };
})();
