'use strict';
/* The ranking curve: its points follow the decisions and the choice. */

const Courbe = (() => {
  const points = new Map([...document.querySelectorAll('#courbe-points circle')]
    .map((point) => [point.dataset.code, point]));

  function colorer() {
    for (const [code, point] of points) {
      const zone = Etat.zoneDe(PAR_CODE.get(code)) || 'sans';
      if (point.dataset.zone !== zone) point.dataset.zone = zone;
    }
  }

  function marquer(code) {
    for (const point of document.querySelectorAll('#courbe-points .choisi')) point.classList.remove('choisi');
    const point = points.get(code);
    if (!point) return;
    point.classList.add('choisi');
    point.parentNode.append(point); // drawn last, over the others
  }

  function demarrer() {
    Etat.ecouter((etat, action) => {
      if (Etat.calcule(action)) colorer();
      if (action.type === 'choisir') marquer(action.code);
    });
    colorer();
    const groupe = document.getElementById('courbe-points');
    groupe.addEventListener('click', (evenement) => {
      const { code } = evenement.target.dataset;
      if (code) Etat.changer({ type: 'choisir', code });
    });
  }

  return { demarrer };
})();
