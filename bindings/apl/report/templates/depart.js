'use strict';
/* The start: what needs a script appears once all of it works. */

(() => {
  for (const vue of [Carte, Tableau, Jauges, Registre, Essai, Fiche, Courbe]) vue.demarrer();
  for (const element of document.querySelectorAll('[data-script]')) element.hidden = false;
  document.documentElement.dataset.pret = Math.round(performance.now()); // ms since the page was asked for
})();
